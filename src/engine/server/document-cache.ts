import { LRUCache } from "lru-cache";
import { parse, type DocumentNode } from "graphql";

import { validationFailed } from "../errors.ts";

const documentsKept = 2_000;
/** Longer documents are rare and would fill the memory. */
const longestKept = 64 * 1024;

/** Parsed documents by their text; a syntax error has Hasura's words, whatever the parser says. */
export const createDocumentCache = (): ((query: string) => DocumentNode) => {
  const documents = new LRUCache<string, DocumentNode>({ max: documentsKept });
  return (query) => {
    const known = documents.get(query);
    if (known !== undefined) return known;
    let document: DocumentNode;
    try {
      document = parse(query, { noLocation: true });
    } catch {
      throw validationFailed("not a valid graphql query", "$.query");
    }
    if (query.length <= longestKept) documents.set(query, document);
    return document;
  };
};
