import type { Catalog, ColumnInfo, FunctionInfo, TableInfo } from "../../../../src/engine/catalog/index.ts";
import { parseMetadata } from "../../../../src/engine/metadata/index.ts";
import { buildRoleSchema, type RoleSchema } from "../../../../src/engine/schema/index.ts";

const column = (name: string, type: string, extra: Partial<ColumnInfo> = {}): ColumnInfo => ({
  name,
  type,
  typeSchema: "pg_catalog",
  sqlType: type,
  position: 1,
  nullable: false,
  hasDefault: false,
  isGenerated: false,
  comment: null,
  ...extra,
});

const table = (
  name: string,
  columns: readonly ColumnInfo[],
  extra: Partial<TableInfo> = {},
): [string, TableInfo] => [
  name,
  {
    schema: name.split(".")[0] ?? "",
    name: name.split(".")[1] ?? "",
    kind: "table",
    columns: new Map(columns.map((entry) => [entry.name, entry])),
    uniqueConstraints: [],
    foreignKeys: [],
    comment: null,
    insertable: true,
    updatable: true,
    deletable: true,
    ...extra,
  },
];

const fn = (name: string, extra: Partial<FunctionInfo> = {}): [string, FunctionInfo] => [
  `library.${name}`,
  {
    schema: "library",
    name,
    volatility: "stable",
    returnsSet: true,
    returnType: "books",
    returnTypeSchema: "library",
    returnTable: { schema: "library", name: "books" },
    args: [
      {
        name: "pages",
        type: "int4",
        typeSchema: "pg_catalog",
        sqlType: "integer",
        isRow: false,
        hasDefault: false,
      },
      {
        name: "hasura_session",
        type: "json",
        typeSchema: "pg_catalog",
        sqlType: "json",
        isRow: false,
        hasDefault: true,
      },
    ],
    comment: null,
    overloaded: false,
    ...extra,
  },
];

/** Authors write books of a genre; a view counts them. */
export const libraryCatalog: Catalog = {
  tables: new Map([
    table("public.genres", [column("value", "text"), column("comment", "text", { nullable: true })], {
      primaryKey: { name: "genres_pkey", columns: ["value"] },
    }),
    table("public.authors", [column("id", "uuid", { hasDefault: true }), column("full_name", "text")], {
      primaryKey: { name: "authors_pkey", columns: ["id"] },
      uniqueConstraints: [{ name: "authors_full_name_key", columns: ["full_name"] }],
    }),
    table(
      "library.books",
      [
        column("id", "int8", { hasDefault: true, isGenerated: true }),
        column("author_id", "uuid"),
        column("title", "text", { comment: "on the cover" }),
        column("pages", "int4", { nullable: true }),
        column("details", "jsonb", { nullable: true }),
        column("tags", "_text"),
        column("genre", "text", { nullable: true }),
      ],
      {
        primaryKey: { name: "books_pkey", columns: ["id"] },
        foreignKeys: [
          {
            name: "books_author_id_fkey",
            columns: ["author_id"],
            target: { schema: "public", name: "authors" },
            targetColumns: ["id"],
          },
          {
            name: "books_genre_fkey",
            columns: ["genre"],
            target: { schema: "public", name: "genres" },
            targetColumns: ["value"],
          },
        ],
      },
    ),
    table("library.counts", [column("author_id", "uuid"), column("books", "int8")], {
      kind: "view",
      insertable: false,
      updatable: false,
      deletable: false,
    }),
  ]),
  functions: new Map([fn("long_books"), fn("lend", { volatility: "volatile" })]),
  enumValues: new Map([
    [
      "public.genres",
      [
        { value: "novel", comment: null },
        { value: "poetry", comment: "verse" },
      ],
    ],
  ]),
};

interface Overrides {
  readonly books?: object;
  readonly authors?: object;
  readonly root?: object;
}

export const libraryMetadata = (overrides: Overrides = {}) =>
  parseMetadata({
    version: 3,
    sources: [
      {
        name: "default",
        kind: "postgres",
        configuration: { connection_info: { database_url: { from_env: "PG_DATABASE_URL" } } },
        tables: [
          { table: "genres", is_enum: true },
          {
            table: "authors",
            array_relationships: [
              {
                name: "books",
                using: {
                  foreign_key_constraint_on: {
                    table: { schema: "library", name: "books" },
                    column: "author_id",
                  },
                },
              },
            ],
            select_permissions: [
              { role: "reader", permission: { columns: ["id", "full_name"], filter: {}, limit: 5 } },
            ],
            ...overrides.authors,
          },
          {
            table: { schema: "library", name: "books" },
            object_relationships: [{ name: "author", using: { foreign_key_constraint_on: "author_id" } }],
            select_permissions: [
              {
                role: "reader",
                permission: {
                  columns: ["id", "title", "pages", "genre"],
                  filter: {},
                  allow_aggregations: true,
                },
              },
            ],
            insert_permissions: [
              {
                role: "reader",
                permission: {
                  columns: ["title", "pages", "author_id"],
                  check: {},
                  set: { author_id: "x-hasura-user-id" },
                },
              },
              { role: "blind", permission: { columns: ["title"], check: {} } },
              { role: "backend", permission: { columns: ["title"], check: {}, backend_only: true } },
            ],
            ...overrides.books,
          },
          {
            table: { schema: "library", name: "counts" },
            select_permissions: [{ role: "reader", permission: { columns: "*", filter: {} } }],
          },
        ],
        functions: [
          {
            function: { schema: "library", name: "long_books" },
            configuration: { session_argument: "hasura_session" },
          },
          { function: { schema: "library", name: "lend" } },
        ],
      },
    ],
    ...overrides.root,
  });

export const librarySchema = (
  role: string,
  overrides: Overrides = {},
  { backendOnly = false, infer = true } = {},
): RoleSchema =>
  buildRoleSchema({
    metadata: libraryMetadata(overrides),
    catalog: libraryCatalog,
    role,
    backendOnly,
    options: { stringifyNumericTypes: false, inferFunctionPermissions: infer },
  });
