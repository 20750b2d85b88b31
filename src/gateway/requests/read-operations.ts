import type { OperationShape, ReadShape } from "./operation-shape.ts";

interface Sent {
  readonly query?: unknown;
  readonly operationName?: unknown;
}

const shapeOf = (item: unknown, read: ReadShape): OperationShape[] => {
  if (typeof item !== "object" || item === null) return [];
  const { query, operationName } = item as Sent;
  if (typeof query !== "string") return [];
  return [read(query, typeof operationName === "string" ? operationName : undefined)];
};

/** The operations of a body; a body that holds none is left to the upstream, which answers it in Hasura's words. */
export const readOperations = (body: string, read: ReadShape): readonly OperationShape[] => {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [];
  }
  return Array.isArray(value) ? value.flatMap((item) => shapeOf(item, read)) : shapeOf(value, read);
};

/** Whether a body is a list of requests, which is answered with a list. */
export const isBatch = (body: string): boolean => /^\s*\[/u.test(body);
