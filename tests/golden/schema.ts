import { buildASTSchema, type DefinitionNode, Kind, parse, print, type TypeNode, visit } from "graphql";

export interface SchemaSlice {
  /** The whole schema of a role. */
  readonly sdl: string;
  /** GraphQL names of all tables. */
  readonly tables: readonly string[];
  /** Those whose types stay. */
  readonly kept: readonly string[];
}

const nameOf = (node: DefinitionNode): string | undefined =>
  "name" in node && node.name !== undefined ? node.name.value : undefined;

const namedType = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type);

/**
 * The schema as if only the kept tables were tracked, complete and valid: types of other tables go, and each field and
 * argument of such a type. Every table's types are made alike, so a few tables show them all; throws when the role has a
 * kind of type that no kept table has.
 */
export const sliceSchema = ({ sdl, tables, kept }: SchemaSlice): string => {
  const unknown = kept.find((table) => !tables.includes(table));
  if (unknown !== undefined) throw new Error(`no table is named ${unknown} in GraphQL`);
  const longestFirst = [...tables].sort((a, b) => b.length - a.length);
  const ownerOf = (type: string): string | undefined =>
    longestFirst.find((table) => type === table || type.startsWith(`${table}_`));
  const stays = (type: string): boolean => {
    const owner = ownerOf(type);
    return owner === undefined || kept.includes(owner);
  };
  const kindOf = (type: string): string => type.replaceAll(ownerOf(type) ?? type, "<table>");

  const whole = parse(sdl, { noLocation: true });
  const types = whole.definitions
    .flatMap((node) => nameOf(node) ?? [])
    .filter((type) => ownerOf(type) !== undefined);
  const shown = new Set(types.filter(stays).map(kindOf));
  const missing = types.find((type) => !shown.has(kindOf(type)));
  if (missing !== undefined) {
    throw new Error(`no kept table has a type ${kindOf(missing)}; keep ${String(ownerOf(missing))} as well`);
  }

  const dropUnlessStays = (node: { readonly type: TypeNode }): null | undefined =>
    stays(namedType(node.type)) ? undefined : null;
  const slice = visit(
    { ...whole, definitions: whole.definitions.filter((node) => stays(nameOf(node) ?? "")) },
    { FieldDefinition: dropUnlessStays, InputValueDefinition: dropUnlessStays },
  );
  // Throws when a type is still missing.
  buildASTSchema(slice);
  return `${print(slice)}\n`;
};
