import { isNode, namesOf, type Node, parseStatements, scanWords, visitNodes } from "./syntax-tree.ts";

/**
 * How much a reference asks of the order. `needed`: Postgres looks the object up when it creates the one that refers to it.
 * `declared`: a body in PL/pgSQL names a relation, which must be there if it types a variable. `called`: a body in PL/pgSQL
 * names a routine, which is looked up when it runs.
 */
export type ReferenceStrength = "needed" | "declared" | "called";

export interface Reference {
  readonly schema: string;
  readonly name: string;
  readonly to: "relation" | "routine";
  readonly strength: ReferenceStrength;
}

/** What a name without a schema means: the sources set no other search path for it. */
const defaultSchema = "public";

const reference = (
  parts: readonly string[],
  to: Reference["to"],
  strength: ReferenceStrength,
): readonly Reference[] => {
  const name = parts.at(-1);
  return name === undefined ? [] : [{ schema: parts.at(-2) ?? defaultSchema, name, to, strength }];
};

const text = (value: unknown): readonly string[] => (typeof value === "string" ? [value] : []);

const commonTables = (tree: unknown): ReadonlySet<string> => {
  const names = new Set<string>();
  visitNodes(tree, ({ ctename }) => {
    for (const name of text(ctename)) names.add(name);
  });
  return names;
};

/** Relations, routines and row types that a parse tree names. */
export const treeReferences = (tree: unknown): readonly Reference[] => {
  const shadowing = commonTables(tree);
  const found: Reference[] = [];
  visitNodes(tree, (node) => {
    const relation = [...text(node["schemaname"]), ...text(node["relname"])];
    if ("relname" in node && (relation.length > 1 || !shadowing.has(relation[0] ?? "")))
      found.push(...reference(relation, "relation", "needed"));
    if ("funcname" in node) found.push(...reference(namesOf(node["funcname"]), "routine", "needed"));
    if ("names" in node && "typemod" in node)
      found.push(...reference(namesOf(node["names"]), "relation", "needed"));
  });
  return found;
};

const wordPattern = /^([\p{L}_][\p{L}\p{N}_$]*|".*")$/su;

const unquote = (word: string): string =>
  word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word.toLowerCase();

/** Every `schema.name` in a body of PL/pgSQL; a name without a schema may be a variable and is passed over. */
const wordReferences = (body: string): readonly Reference[] => {
  const words = scanWords(body);
  return words.flatMap((word, index) => {
    const name = words[index + 2];
    if (words[index + 1] !== "." || name === undefined) return [];
    if (!wordPattern.test(word) || !wordPattern.test(name)) return [];
    const parts = [unquote(word), unquote(name)];
    return [...reference(parts, "relation", "declared"), ...reference(parts, "routine", "called")];
  });
};

const option = (node: Node, wanted: string): unknown => {
  const options = Array.isArray(node["options"]) ? (node["options"] as readonly unknown[]) : [];
  for (const entry of options) {
    const element = isNode(entry) && isNode(entry["DefElem"]) ? entry["DefElem"] : undefined;
    if (element?.["defname"] === wanted) return element["arg"];
  }
  return undefined;
};

const languageOf = (node: Node): string => {
  const language = option(node, "language");
  const name = isNode(language) && isNode(language["String"]) ? language["String"]["sval"] : undefined;
  return typeof name === "string" ? name : "sql";
};

const bodyOf = (node: Node): string => {
  const list = option(node, "as");
  return isNode(list) && isNode(list["List"]) ? namesOf(list["List"]["items"]).join("\n") : "";
};

/** What a `create function` or `create procedure` names, in its head and in its body. */
export const routineReferences = (node: Node): readonly Reference[] => {
  const head = treeReferences(node);
  const body = bodyOf(node);
  switch (languageOf(node)) {
    case "sql":
      return [...head, ...parseStatements(body).flatMap((statement) => treeReferences(statement.node))];
    case "plpgsql":
      return [...head, ...wordReferences(body)];
    default:
      return head;
  }
};
