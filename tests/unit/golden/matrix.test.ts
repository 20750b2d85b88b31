import { describe, expect, it } from "@jest/globals";

import { type Catalog, type ColumnInfo } from "../../../src/engine/catalog/index.ts";
import { parseMetadata } from "../../../src/engine/metadata/index.ts";
import { renderMatrix } from "../../golden/matrix.ts";

const column = (name: string, position: number, nullable = false): [string, ColumnInfo] => [
  name,
  {
    name,
    position,
    nullable,
    type: "text",
    typeSchema: "pg_catalog",
    sqlType: "text",
    hasDefault: false,
    isGenerated: false,
    comment: null,
  },
];

const catalog: Catalog = {
  tables: new Map([
    [
      "public.books",
      {
        schema: "public",
        name: "books",
        kind: "table",
        columns: new Map([column("title", 2, true), column("id", 1)]),
        uniqueConstraints: [],
        foreignKeys: [],
        comment: null,
        insertable: true,
        updatable: true,
        deletable: true,
      },
    ],
  ]),
  functions: new Map(),
  enumValues: new Map(),
};

const select = (role: string, filter: object): object => ({ role, permission: { columns: ["id"], filter } });

const matrix = (deletes: readonly object[]): string =>
  renderMatrix(
    parseMetadata({
      version: 3,
      inherited_roles: [{ role_name: "editor", role_set: ["user", "service"] }],
      sources: [
        {
          name: "default",
          kind: "postgres",
          configuration: { connection_info: { database_url: { from_env: "URL" } } },
          tables: [
            {
              table: { schema: "public", name: "books" },
              select_permissions: [
                select("guest", { id: { _eq: "1" } }),
                select("service", {}),
                select("user", { id: { _eq: "1" } }),
              ],
              delete_permissions: deletes,
            },
          ],
        },
      ],
    }),
    catalog,
  );

describe("renderMatrix", () => {
  it("lists columns in the table's order and joins roles with the same permission", () => {
    expect(matrix([])).toContain(
      [
        "public.books",
        "  columns  id String!, title String",
        '  select  user, guest: id; where id = "1"; no limit',
        "  select  service: id; every row; no limit",
        '  select  editor: id; where id = "1" or every row; no limit',
        "",
      ].join("\n"),
    );
  });

  it("names inherited roles with their parents", () => {
    expect(matrix([])).toContain("# Inherited roles: editor = user + service. A cell needs");
  });

  it("refuses a permission that two parents of a role define differently", () => {
    const deletes = ["1", "2"].map((id, index) => ({
      role: ["user", "service"][index],
      permission: { filter: { id: { _eq: id } } },
    }));
    expect(() => matrix(deletes)).toThrow("Could not inherit permission for the role 'editor'");
  });
});
