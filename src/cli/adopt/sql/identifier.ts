import type { TableName } from "../options.ts";

/** Postgres's words that are no names: those of `pg_get_keywords()` with the category R or T. */
const reserved: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
  column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
  from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
  localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
  returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
  unique user using variadic verbose when where window with`.split(/\s+/u),
);

/** An identifier as SQL writes it: quoted where it needs it. */
export const quoteIdent = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/u.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`;

export const quoteTable = ({ schema, name }: TableName): string =>
  `${quoteIdent(schema)}.${quoteIdent(name)}`;

export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;
