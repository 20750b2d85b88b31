import type { ColumnInfo, TableInfo } from "../catalog/types.ts";
import { HasuraError } from "../errors.ts";
import type { ColumnSet, EventOperationName, EventTriggerMeta } from "../metadata/types.ts";
import { ident, literal, qualified } from "../sql/quote.ts";

/** One trigger of Postgres that writes into the outbox, with its function; names are Hasura's. */
export interface OutboxTrigger {
  readonly name: string;
  readonly trigger: string;
  readonly table: string;
  readonly always: boolean;
  /** Body of the function: what decides whether an installed one is still right. */
  readonly body: string;
  readonly statements: readonly string[];
}

/** Types that compare with `=`; for all others the function finds out when it runs. */
const comparable: ReadonlySet<string> = new Set(
  [
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "money", "text", "varchar", "bpchar", "name", "uuid",
    "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "jsonb", "inet", "cidr", "macaddr", "bit",
    "varbit", "oid",
  ].flatMap((type) => [type, `_${type}`]),
); // prettier-ignore

const stringified: ReadonlySet<string> = new Set(["int8", "numeric", "float8"]);

const chosen = (table: TableInfo, columns: ColumnSet, trigger: string): readonly ColumnInfo[] => {
  if (columns === "*") return [...table.columns.values()];
  return columns.map((name) => {
    const column = table.columns.get(name);
    if (column === undefined) {
      throw new HasuraError({
        message: `column "${name}" of event trigger '${trigger}' does not exist in "${table.name}"`,
        code: "not-exists",
      });
    }
    return column;
  });
};

const rowJson = (row: "old" | "new", columns: readonly ColumnInfo[], stringify: boolean): string => {
  if (columns.length === 0) return "'{}'::json";
  const list = columns.map(({ name, type }) => {
    const value = `${row}.${ident(name)}`;
    return stringify && stringified.has(type) ? `${value}::text as ${ident(name)}` : value;
  });
  return `row_to_json((select e from (select ${list.join(", ")}) as e))`;
};

const rowOf = (of: "old" | "new", columns: readonly ColumnInfo[]): string =>
  `row(${columns.map(({ name }) => `${of}.${ident(name)}`).join(", ")})`;

const changed = (columns: readonly ColumnInfo[]): string =>
  `${rowOf("old", columns)} is distinct from ${rowOf("new", columns)}`;

/** As records: rows side by side would be compared column by column, and no type has this operator. */
const changedBytes = (columns: readonly ColumnInfo[]): string =>
  `${rowOf("old", columns)}::record *<> ${rowOf("new", columns)}::record`;

/** An update that changes no listed column leaves no event. Types without `=` are compared by their bytes. */
const guard = (columns: readonly ColumnInfo[]): readonly string[] => {
  if (columns.length === 0) return ["  return null;"];
  if (columns.every(({ type, typeSchema }) => typeSchema === "pg_catalog" && comparable.has(type))) {
    return [`  if not (${changed(columns)}) then`, "    return null;", "  end if;"];
  }
  return [
    "  begin",
    `    if not (${changed(columns)}) then`,
    "      return null;",
    "    end if;",
    "  exception when undefined_function then",
    `    if not (${changedBytes(columns)}) then`,
    "      return null;",
    "    end if;",
    "  end;",
  ];
};

const outboxTrigger = (
  table: TableInfo,
  trigger: EventTriggerMeta,
  operation: EventOperationName,
  stringify: boolean,
): OutboxTrigger | undefined => {
  const spec = trigger.operations[operation];
  if (spec === undefined) return undefined;
  const payload = chosen(table, spec.payload, trigger.name);
  const before = operation === "INSERT" ? "null::json" : rowJson("old", payload, stringify);
  const after = operation === "DELETE" ? "null::json" : rowJson("new", payload, stringify);
  const listened = chosen(table, spec.columns, trigger.name);
  const body = [
    "",
    "begin",
    ...(operation === "UPDATE" ? guard(listened) : []),
    "  perform hdb_catalog.insert_event_log(",
    `    tg_table_schema::text, tg_table_name::text, ${literal(trigger.name)}, tg_op,`,
    `    json_build_object('old', ${before}, 'new', ${after})`,
    "  );",
    "  return null;",
    "end;",
    "",
  ].join("\n");
  const name = `notify_hasura_${trigger.name}_${operation}`;
  const target = qualified(table);
  return {
    name,
    trigger: trigger.name,
    table: target,
    always: trigger.onReplication,
    body,
    statements: [
      `drop function if exists hdb_catalog.${ident(name)}() cascade`,
      `create function hdb_catalog.${ident(name)}()\nreturns trigger\nlanguage plpgsql\nas ${literal(body)}`,
      `create trigger ${ident(name)}\nafter ${operation.toLowerCase()} on ${target}\nfor each row\nexecute function hdb_catalog.${ident(name)}()`,
      ...(trigger.onReplication ? [`alter table ${target} enable always trigger ${ident(name)}`] : []),
    ],
  };
};

/** What the database must hold so that every change of the table that the trigger names leaves an event. */
export const outboxTriggers = (
  table: TableInfo,
  trigger: EventTriggerMeta,
  stringify: boolean,
): readonly OutboxTrigger[] => {
  if (table.kind !== "table") {
    throw new HasuraError({
      message: `event trigger '${trigger.name}': "${table.name}" is not a table`,
      code: "not-supported",
    });
  }
  return (["INSERT", "UPDATE", "DELETE"] as const).flatMap((operation) => {
    const made = outboxTrigger(table, trigger, operation, stringify);
    return made === undefined ? [] : [made];
  });
};
