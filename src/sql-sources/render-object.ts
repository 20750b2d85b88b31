import type { CatalogObject, ColumnComment, Grant } from "./catalog-object.ts";

const literal = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
};

const commentText = (comment: string | null): string => (comment === null ? "null" : literal(comment));

/** Grants are on tables and views alike; a routine's say which kind it is. */
const grantTarget = (label: string): string => label.replace(/^view /u, "");

export const dropStatement = ({ label }: CatalogObject): string => `drop ${label};`;

export type Attributes = Pick<CatalogObject, "comment" | "columnComments" | "grants">;

/** No comment, and the grants that a new object has. */
export const bareAttributes = ({ defaultGrants }: CatalogObject): Attributes => ({
  comment: null,
  columnComments: [],
  grants: defaultGrants,
});

const grantKey = ({ privilege, grantee, isGrantable }: Grant): string =>
  JSON.stringify([privilege, grantee, isGrantable]);

const missingIn = (grants: readonly Grant[], among: readonly Grant[]): readonly Grant[] => {
  const known = new Set(among.map(grantKey));
  return grants.filter((grant) => !known.has(grantKey(grant)));
};

const columnStatements = (
  object: CatalogObject,
  from: readonly ColumnComment[],
  to: readonly ColumnComment[],
): readonly string[] => {
  const wanted = new Map(to.map(({ column, comment }) => [column, comment]));
  const present = new Map(from.map(({ column, comment }) => [column, comment]));
  return [...new Set([...present.keys(), ...wanted.keys()])]
    .filter((column) => present.get(column) !== wanted.get(column))
    .map(
      (column) =>
        `comment on column ${grantTarget(object.label)}.${column} is ${commentText(wanted.get(column) ?? null)};`,
    );
};

/** The statements that give the object the comments and grants `to` where it has `from`. */
export const attributeStatements = (
  object: CatalogObject,
  from: Attributes,
  to: Attributes,
): readonly string[] => {
  const target = grantTarget(object.label);
  return [
    ...(from.comment === to.comment ? [] : [`comment on ${object.label} is ${commentText(to.comment)};`]),
    ...columnStatements(object, from.columnComments, to.columnComments),
    ...missingIn(from.grants, to.grants).map(
      ({ privilege, grantee }) => `revoke ${privilege} on ${target} from ${grantee};`,
    ),
    ...missingIn(to.grants, from.grants).map(
      ({ privilege, grantee, isGrantable }) =>
        `grant ${privilege} on ${target} to ${grantee}${isGrantable ? " with grant option" : ""};`,
    ),
  ];
};

/** The object whole, as a source would have it. */
export const renderObject = (object: CatalogObject): string =>
  [`${object.definition};`, ...attributeStatements(object, bareAttributes(object), object)].join("\n");
