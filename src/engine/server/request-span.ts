import { type Span, SpanKind } from "@opentelemetry/api";

import { inSpan, remoteContext, shortWord } from "../../core/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import type { PlannedOperation } from "../plan/index.ts";

export interface TracedRequest {
  readonly session: Session;
  readonly headers: HeaderMap;
  readonly operationName: string | undefined;
}

/** The span of one GraphQL request, which goes on from the trace that its headers name. Never holds its text or its values. */
export const inRequestSpan = <T>(
  { session, headers, operationName }: TracedRequest,
  work: (span: Span) => Promise<T>,
): Promise<T> =>
  inSpan(
    "graphql request",
    {
      kind: SpanKind.SERVER,
      from: remoteContext(headers),
      attributes: () => {
        const name = shortWord(operationName);
        return {
          "hasura.role": shortWord(session.role) ?? "",
          ...(name === undefined ? {} : { "graphql.operation.name": name }),
        };
      },
    },
    work,
  );

/** Said once it is known. */
export const nameOperation = (span: Span, operation: PlannedOperation["operation"]): void => {
  span.setAttribute("graphql.operation.type", operation).updateName(`graphql ${operation}`);
};
