import { z } from "zod";

import { HasuraError } from "../errors.ts";
import { parseJson } from "../json/index.ts";

export interface GraphQLRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
}

export type HttpBody =
  | { readonly kind: "single"; readonly request: GraphQLRequest }
  | { readonly kind: "batch"; readonly requests: readonly GraphQLRequest[] };

const requestSchema = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

const parseFailed = (message: string, path: string): HasuraError =>
  new HasuraError({ message, code: "parse-failed", path });

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What nearly everybody sends, without the schema: it costs more than the rest of reading a request. */
const readPlain = (value: object): GraphQLRequest | undefined => {
  const { query, variables, operationName } = value as Readonly<Record<string, unknown>>;
  if (typeof query !== "string") return undefined;
  if (variables !== undefined && variables !== null && !isRecord(variables)) return undefined;
  if (operationName !== undefined && operationName !== null && typeof operationName !== "string") {
    return undefined;
  }
  return { query, variables: variables ?? {}, operationName: operationName ?? undefined };
};

const readRequest = (value: unknown, path: string): GraphQLRequest => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw parseFailed("parsing GraphQL request failed, expected Object", path);
  }
  if (!("query" in value)) throw parseFailed('key "query" not found', path);
  const plain = readPlain(value);
  if (plain !== undefined) return plain;
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path[0];
    throw parseFailed(
      "parsing GraphQL request failed",
      where === undefined ? path : `${path}.${String(where)}`,
    );
  }
  const { query, variables, operationName } = parsed.data;
  return { query, variables: variables ?? {}, operationName: operationName ?? undefined };
};

/** A request, or a list of them that is answered with a list. */
export const readHttpBody = (text: string): HttpBody => {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new HasuraError({ message: "invalid json", code: "invalid-json", cause: error });
  }
  return Array.isArray(value)
    ? { kind: "batch", requests: value.map((item: unknown, index) => readRequest(item, `$[${index}]`)) }
    : { kind: "single", request: readRequest(value, "$") };
};
