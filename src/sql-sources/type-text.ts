import { namesOf, type Node } from "./syntax-tree.ts";

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A type as a name that Postgres resolves, as `"pg_catalog"."int4"[]`; a length or precision does not tell functions apart. */
export const typeText = (node: Node): string => {
  const bounds = Array.isArray(node["arrayBounds"]) ? "[]" : "";
  return `${namesOf(node["names"]).map(quote).join(".")}${bounds}`;
};
