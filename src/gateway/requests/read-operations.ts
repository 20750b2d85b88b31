import { readItems, readMembers, textMember } from "./json-members.ts";
import type { OperationShape, ReadShape } from "./operation-shape.ts";

export interface OperationsRead {
  readonly operations: readonly OperationShape[];
  /** Answered with a list. */
  readonly isBatch: boolean;
}

/**
 * The operations of a body. A body that holds none is left to the upstream, which answers it in Hasura's words;
 * `twice` is one that can be read in two ways.
 */
export const readOperations = (body: string, read: ReadShape): OperationsRead | "twice" => {
  const items = readItems(body);
  const operations: OperationShape[] = [];
  for (const { from } of items ?? [{ from: 0 }]) {
    const members = readMembers(body, from);
    if (members === "twice") return "twice";
    const query = textMember(body, members?.get("query"));
    if (query !== undefined) operations.push(read(query, textMember(body, members?.get("operationName"))));
  }
  return { operations, isBatch: items !== undefined };
};
