import type { Fault } from "../fault.ts";
import { type Choices, tableText } from "../options.ts";
import type { Column, DatabaseFacts, Table } from "./facts.ts";

const oldestServer = 150_000;
const shownObjects = 5;

const typeOf = ({ type }: Column): string => (type.startsWith("character varying") ? "text" : type);

const columnText = ({ name, type }: Column): string => `${name} ${type}`;

const checkServer = ({ serverVersion }: DatabaseFacts): readonly Fault[] =>
  serverVersion >= oldestServer
    ? []
    : [
        {
          code: "invalid-project",
          message: `the database is PostgreSQL ${String(Math.floor(serverVersion / 10_000))}`,
          advice: "hasura-usage needs PostgreSQL 15 or newer",
        },
      ];

const checkSchemas = ({ takenSchemas }: DatabaseFacts): readonly Fault[] =>
  takenSchemas.map(({ name, objects }) => {
    const shown = objects.slice(0, shownObjects).join(", ");
    const more = objects.length > shownObjects ? `, and ${String(objects.length - shownObjects)} more` : "";
    return {
      code: "schema-conflict",
      message: `the database has a schema ${name} already${shown === "" ? "" : `, with ${shown}${more}`}`,
      advice: `rename yours: alter schema ${name} rename to ...; hasura-usage makes a schema of this name`,
    };
  });

const isPlain = ({ kind }: Table): boolean => kind === "r" || kind === "p";

/** Why a table cannot stand for the tenants; empty when it can. */
const checkKey = (name: string, table: Table): readonly Fault[] => {
  const [key, ...more] = table.key;
  const fault = (message: string, advice: string): readonly Fault[] => [
    { code: "tenant-table", message, advice },
  ];
  if (!isPlain(table))
    return fault(`${name} is not a table`, "name the table itself with --tenant schema.table");
  if (key === undefined)
    return fault(`${name} has no primary key`, "give it one: one column of type uuid that names the tenant");
  if (more.length > 0 || key.type !== "uuid")
    return fault(
      `the key of ${name} is (${table.key.map(columnText).join(", ")}), not one column of type uuid`,
      "name a table whose key is one uuid: keep one beside yours, with a uuid for each tenant",
    );
  return [];
};

const checkOwnWorkspaces = ({ workspaces }: DatabaseFacts): readonly Fault[] => {
  if (workspaces === undefined)
    return [
      {
        code: "tenant-table",
        message: "there is no table public.workspaces",
        advice: "name your table of tenants with --tenant schema.table",
      },
    ];
  const required: readonly Column[] = [
    { name: "id", type: "uuid" },
    { name: "time_zone", type: "text" },
    { name: "created_at", type: "timestamp with time zone" },
  ];
  const lacking = required.filter(
    ({ name, type }) => !workspaces.columns.some((column) => column.name === name && typeOf(column) === type),
  );
  const keyed = checkKey("public.workspaces", workspaces);
  if (keyed.length > 0 || workspaces.key[0]?.name !== "id")
    return keyed.length > 0
      ? keyed
      : [
          {
            code: "tenant-table",
            message: `the key of public.workspaces is ${workspaces.key[0]?.name ?? ""}, not id`,
            advice: "rename the column to id",
          },
        ];
  if (lacking.length === 0) return [];
  const defaults: Readonly<Record<string, string>> = { time_zone: "'UTC'", created_at: "now()" };
  const additions = lacking.map(
    ({ name, type }) => `add column ${name} ${type} not null default ${defaults[name] ?? ""}`,
  );
  return [
    {
      code: "tenant-table",
      message: `public.workspaces has no ${lacking.map(columnText).join(" and no ")}`,
      advice: `if it holds your tenants: alter table public.workspaces ${additions.join(", ")}; if not, rename it`,
    },
  ];
};

const checkTenant = (facts: DatabaseFacts, { tenant }: Choices): readonly Fault[] => {
  if (tenant === undefined) return checkOwnWorkspaces(facts);
  const name = tableText(tenant);
  const unrelated: readonly Fault[] =
    facts.workspaces === undefined
      ? []
      : [
          {
            code: "tenant-table",
            message: "the database has a table public.workspaces, which hasura-usage makes for the tenants",
            advice: `leave --tenant out if it holds your tenants; else rename it: ${name} cannot be mirrored beside it`,
          },
        ];
  if (facts.tenant === undefined)
    return [
      ...unrelated,
      {
        code: "tenant-table",
        message: `there is no table ${name} after your migrations`,
        advice: "name your table of tenants with --tenant schema.table",
      },
    ];
  return [...unrelated, ...checkKey(name, facts.tenant)];
};

const checkMembers = (facts: DatabaseFacts, { members }: Choices): readonly Fault[] => {
  if (members === undefined) return [];
  const name = tableText(members);
  const fault = (message: string, advice: string): Fault => ({ code: "member-table", message, advice });
  const found = facts.members;
  if (found === undefined)
    return [
      fault(
        `there is no table ${name}`,
        "name your table of members with --members table:tenant,user[,role]",
      ),
    ];
  const typeNamed = (column: string): string | undefined =>
    found.columns.find((one) => one.name === column)?.type;
  const known = `it has ${found.columns.map((column) => column.name).join(", ")}`;
  const columns = [members.tenantColumn, members.userColumn, members.roleColumn].flatMap(
    (column) => column ?? [],
  );
  const missing = columns
    .filter((column) => typeNamed(column) === undefined)
    .map((column) => fault(`${name} has no column ${column}`, known));
  const wrong = [members.tenantColumn, members.userColumn]
    .filter((column) => ![undefined, "uuid"].includes(typeNamed(column)))
    .map((column) =>
      fault(
        `${name}.${column} is of type ${typeNamed(column) ?? ""}, not uuid`,
        "leave --members out and write usage.member_role yourself (docs/adopt.md)",
      ),
    );
  return [...missing, ...wrong];
};

/** What in a database stands in the way of an installation. */
export const checkFacts = (facts: DatabaseFacts, choices: Choices): readonly Fault[] => [
  ...checkServer(facts),
  ...checkSchemas(facts),
  ...checkTenant(facts, choices),
  ...checkMembers(facts, choices),
];
