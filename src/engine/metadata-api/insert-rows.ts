import { z } from "zod";

import type { Database } from "../../core/index.ts";
import type { Catalog, TableInfo } from "../catalog/index.ts";
import { NumberLiteral, numberText, type Raw, rawToJson } from "../json/index.ts";
import { qualifiedKey } from "../metadata/index.ts";
import { ident, qualified } from "../sql/quote.ts";
import { jsonEntry, readArguments, source, tableName } from "./arguments.ts";
import { type Draft, shortName } from "./document.ts";
import { tableAt } from "./lookup.ts";
import { refuse } from "./arguments.ts";

const options = z.strictObject({
  source,
  table: tableName,
  objects: z.array(jsonEntry),
  returning: z.array(z.string()).nullish(),
});

/** Hasura binds a number for a numeric column in groups of four digits, so 12345.67 is kept, and printed, as 12345.6700. */
const inGroupsOfFour = (value: Raw): Raw => {
  if (typeof value !== "number" && !(value instanceof NumberLiteral)) return value;
  const text = numberText(value);
  const decimals = /^-?\d+\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
  return new NumberLiteral(`${text}${"0".repeat((4 - (decimals % 4)) % 4)}`);
};

const rowJson = (table: TableInfo, row: Readonly<Record<string, unknown>>): string =>
  rawToJson(
    Object.fromEntries(
      Object.entries(row as Readonly<Record<string, Raw>>).map(([name, value]) => [
        name,
        table.columns.get(name)?.type === "numeric" ? inGroupsOfFour(value) : value,
      ]),
    ),
  );

/** The first version's `insert`: rows as JSON, each with the columns it names; the others take their defaults. */
export const insertRows = async (
  database: Database,
  catalog: Catalog,
  document: Draft,
  args: unknown,
): Promise<unknown> => {
  const { source: owner, table, objects, returning } = readArguments(options, args);
  tableAt(document, owner, table);
  const info = catalog.tables.get(qualifiedKey(table));
  if (info === undefined) return refuse("not-exists", `table "${shortName(table)}" does not exist`);
  const wanted = returning ?? [];
  for (const name of [...objects.flatMap((object) => Object.keys(object)), ...wanted]) {
    if (!info.columns.has(name)) refuse("not-exists", `column "${name}" does not exist`);
  }
  const target = qualified(info);
  const row = wanted.map((name) => `'${name.replaceAll("'", "''")}', ${ident(name)}`).join(", ");
  const rows = await database.transaction(async (tx) => {
    const inserted: unknown[] = [];
    for (const object of objects) {
      const columns = Object.keys(object).map(ident);
      const insert =
        columns.length === 0
          ? `insert into ${target} default values`
          : `insert into ${target} (${columns.join(", ")})
             select ${columns.join(", ")} from json_populate_record(null::${target}, $1::json)`;
      const answer = await tx.query<{ readonly row: unknown }>(
        `${insert} returning ${row === "" ? "null" : `json_build_object(${row})`} as row`,
        columns.length === 0 ? [] : [rowJson(info, object)],
      );
      inserted.push(...answer.map((one) => one.row));
    }
    return inserted;
  });
  return {
    affected_rows: rows.length,
    ...(returning === null || returning === undefined ? {} : { returning: rows }),
  };
};
