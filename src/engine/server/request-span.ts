import { type Span, SpanKind } from "@opentelemetry/api";

import { inSpan, remoteContext, shortWord } from "../../core/index.ts";
import type { HeaderMap } from "../../auth/index.ts";
import type { PreparedRequest } from "./run-request.ts";

/** The span of one GraphQL request, which goes on from the trace that its headers name. Never holds its text or its values. */
export const inRequestSpan = <T>(headers: HeaderMap, work: (span: Span) => Promise<T>): Promise<T> =>
  inSpan("graphql request", { kind: SpanKind.SERVER, from: remoteContext(headers) }, work);

/** What is told of a request that could be planned: before that its words may be anything, a secret in the wrong place too. */
export const nameOperation = (span: Span, { operation, name, knownRole }: PreparedRequest): void => {
  span.updateName(`graphql ${operation}`).setAttribute("graphql.operation.type", operation);
  const shown = shortWord(name);
  if (shown !== undefined) span.setAttribute("graphql.operation.name", shown);
  if (knownRole !== undefined) span.setAttribute("hasura.role", knownRole);
};
