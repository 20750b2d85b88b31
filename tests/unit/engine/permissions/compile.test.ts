import { describe, expect, it } from "@jest/globals";
import { HasuraError } from "../../../../src/engine/errors.ts";
import type { Json } from "../../../../src/engine/metadata/types.ts";
import { compilePermission } from "../../../../src/engine/permissions/index.ts";
import type { RoleSchema, RoleTable } from "../../../../src/engine/schema/types.ts";
import { type Param, SqlBuilder } from "../../../../src/engine/sql/index.ts";

const column = (name: string, type: string): [string, unknown] => [
  name,
  { name, type, typeSchema: "pg_catalog" },
];

const table = (
  name: string,
  columns: [string, unknown][],
  relationships: [string, unknown][] = [],
): RoleTable =>
  ({
    key: `public.${name}`,
    info: { schema: "public", name, columns: new Map(columns) },
    relationships: new Map(relationships),
    computedFields: new Map(),
  }) as unknown as RoleTable;

const owner = table("owners", [column("id", "uuid"), column("level", "int4")]);
const item = table(
  "items",
  [column("id", "int4"), column("owner_id", "uuid"), column("kind", "text"), column("level", "int4")],
  [
    [
      "owner",
      { name: "owner", kind: "object", target: "public.owners", mapping: [{ from: "owner_id", to: "id" }] },
    ],
  ],
);
const schema = { tables: new Map([owner, item].map((entry) => [entry.key, entry])) } as unknown as RoleSchema;

const compile = (filter: Json): { sql: string; params: readonly Param[] } => {
  const builder = new SqlBuilder();
  return { sql: compilePermission({ builder, schema }, item, "i", filter), params: builder.params };
};

describe("compilePermission", () => {
  it.each<[Json, string]>([
    [{}, "true"],
    [{ _and: [] }, "true"],
    [{ _or: [] }, "false"],
    [{ kind: { _eq: "a" } }, 'i."kind" = $1::"text"'],
    [{ kind: "a" }, 'i."kind" = $1::"text"'],
    [
      { $or: [{ id: { $gt: 1 } }, { kind: { $is_null: true } }] },
      '(i."id" > $1::"int4" or i."kind" is null)',
    ],
    [{ kind: { _eq: null } }, 'i."kind" is null'],
    [{ kind: null }, 'i."kind" is null'],
    [{ kind: { $ne: null }, level: { _neq: 1 } }, '(i."kind" is not null and i."level" <> $1::"int4")'],
    [{ _not: { id: { _in: [1, 2] } } }, 'not (i."id" = any(array[$1::"int4", $2::"int4"]::"int4"[]))'],
    [{ id: { _in: [] } }, 'i."id" = any(array[]::"int4"[])'],
    [{ id: { _in: "X-Hasura-Ids" } }, 'i."id" = any($1::"int4"[])'],
    [
      { owner: { level: { _ceq: ["$", "level"] } } },
      'exists (select 1 from "public"."owners" as "p.1" where "p.1"."id" = i."owner_id" and "p.1"."level" = i."level")',
    ],
    [
      { _exists: { _table: { schema: "public", name: "owners" }, _where: { id: "X-Hasura-User-Id" } } },
      'exists (select 1 from "public"."owners" as "p.1" where "p.1"."id" = $1::"uuid")',
    ],
  ])("%j", (filter, sql) => {
    expect(compile(filter).sql).toBe(sql);
  });

  it("never writes a value or a session variable into the text", () => {
    const { sql, params } = compile({ kind: { _eq: "'; drop" }, owner_id: { _eq: "X-HASURA-User-Id" } });
    expect(sql).toBe('(i."kind" = $1::"text" and i."owner_id" = $2::"uuid")');
    expect(params).toEqual([
      { kind: "value", value: "'; drop" },
      { kind: "session", name: "x-hasura-user-id", cast: '"uuid"' },
    ]);
  });

  it.each<[Json]>([
    [{ nope: 1 }],
    [{ id: { _what: 1 } }],
    [{ _exists: { _table: "gone", _where: {} } }],
    [[]],
  ])("refuses %j", (filter) => {
    expect(() => compile(filter)).toThrow(HasuraError);
  });
});
