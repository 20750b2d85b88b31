import type { Transaction } from "../core/index.ts";
import { type ObjectKey, routineKey, triggerKey, viewKey } from "./catalog-object.ts";
import type { Definition, Source } from "./parse-source.ts";
import { trial } from "./trial.ts";

/** What each source defines, by the keys of a description. */
export type SourceKeys = ReadonlyMap<ObjectKey, Source>;

export type KeyOf = (definition: Definition) => ObjectKey;

interface NamedType {
  readonly written: string;
  readonly name: string;
}

/** Types as a description names them; one that is not there yet, as the row of a new view, is named as it will be. */
const readTypes = (tx: Transaction, written: readonly string[]): Promise<ReadonlyMap<string, string>> =>
  trial(tx, async () => {
    const found = await tx.query<{ readonly written: string; readonly oid: string | null }>(
      `select w.written, to_regtype(w.written)::oid::text as oid
       from unnest($1::text[]) w (written)`,
      [written],
    );
    // Resolved on the path that the sources run on, named as a description does.
    await tx.script("set local search_path = ''");
    const named = await tx.query<NamedType>(
      `select
         f.written,
         coalesce(
           format_type(f.oid, null),
           (
             select string_agg(quote_ident(p.part), '.' order by p.position)
             from unnest(parse_ident(regexp_replace(f.written, '\\[\\]$', ''))) with ordinality p (part, position)
           ) || coalesce(substring(f.written from '\\[\\]$'), '')
         ) as name
       from unnest($1::text[], $2::oid[]) f (written, oid)`,
      [found.map((type) => type.written), found.map(({ oid }) => oid)],
    );
    return new Map(named.map((type) => [type.written, type.name]));
  });

/** How the definitions of these sources are called in a description of this database. */
export const readKeys = async (tx: Transaction, sources: readonly Source[]): Promise<KeyOf> => {
  const definitions = sources.flatMap(({ statements }) => statements.flatMap(({ defines }) => defines ?? []));
  const written = definitions.flatMap((definition) =>
    definition.kind === "routine" ? definition.argumentTypes : [],
  );
  const types = await readTypes(tx, [...new Set(written)]);
  return (definition) => {
    switch (definition.kind) {
      case "routine":
        return routineKey(
          definition.schema,
          definition.name,
          definition.argumentTypes.map((type) => types.get(type) ?? type),
        );
      case "view":
        return viewKey(definition.schema, definition.name);
      case "trigger":
        return triggerKey(definition.on[0], definition.on[1], definition.name);
    }
  };
};

export const sourcesByKey = (sources: readonly Source[], keyOf: KeyOf): SourceKeys =>
  new Map(
    sources.flatMap((source) =>
      source.statements.flatMap(({ defines }) =>
        defines === undefined ? [] : [[keyOf(defines), source] as const],
      ),
    ),
  );
