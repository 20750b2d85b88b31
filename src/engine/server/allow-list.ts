import { type DocumentNode, Kind, parse, print, visit } from "graphql";

import type { Metadata } from "../metadata/index.ts";

const texts = new WeakMap<DocumentNode, string>();

/** What is compared: the document without white space, comments and `__typename`, which clients add on their own. */
const normalised = (document: DocumentNode): string => {
  let text = texts.get(document);
  if (text === undefined) {
    text = print(
      visit(document, {
        [Kind.FIELD]: { enter: (field) => (field.name.value === "__typename" ? null : undefined) },
      }),
    );
    texts.set(document, text);
  }
  return text;
};

const normalisedText = (query: string): string | undefined => {
  try {
    return normalised(parse(query, { noLocation: true }));
  } catch {
    return undefined;
  }
};

/** Whether a role may send a document: the administrator may send any, the others what a collection on the list holds. */
export type AllowList = (role: string, document: DocumentNode) => boolean;

export const createAllowList = (metadata: Metadata): AllowList => {
  const everybody = new Set<string>();
  const byRole = new Map<string, Set<string>>();
  for (const { collection, roles } of metadata.allowList) {
    const queries = metadata.queryCollections.find(({ name }) => name === collection)?.queries.values() ?? [];
    for (const query of queries) {
      const text = normalisedText(query);
      if (text === undefined) continue;
      if (roles === null) everybody.add(text);
      for (const role of roles ?? []) byRole.set(role, (byRole.get(role) ?? new Set()).add(text));
    }
  }
  return (role, document) => {
    if (role === "admin") return true;
    const text = normalised(document);
    return everybody.has(text) || byRole.get(role)?.has(text) === true;
  };
};
