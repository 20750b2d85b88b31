import { describe, expect, it } from "@jest/globals";
import {
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isObjectType,
  printSchema,
  validateSchema,
} from "graphql";
import {
  bindingOf,
  InconsistentMetadataError,
  type RoleSchema,
} from "../../../../src/engine/schema/index.ts";
import { librarySchema } from "./library.ts";

const names = (schema: RoleSchema, type: string): readonly string[] | null => {
  const found = schema.schema.getType(type);
  if (isObjectType(found) || isInputObjectType(found)) {
    return Object.keys(found.getFields());
  }
  return isEnumType(found) ? found.getValues().map((value) => value.name) : null;
};
const output = (schema: RoleSchema, type: string): GraphQLObjectType =>
  schema.schema.getType(type) as GraphQLObjectType;
const typeOf = (schema: RoleSchema, type: string, name: string): string | undefined =>
  String((schema.schema.getType(type) as GraphQLInputObjectType | GraphQLObjectType).getFields()[name]?.type);

describe("the schema of admin", () => {
  const admin = librarySchema("admin");

  it("is valid and the same on every run", () => {
    expect(validateSchema(admin.schema)).toEqual([]);
    expect(printSchema(librarySchema("admin").schema)).toBe(printSchema(admin.schema));
  });

  it("has Hasura's root fields", () => {
    expect(names(admin, "query_root")).toEqual([
      "authors",
      "authors_aggregate",
      "authors_by_pk",
      "genres",
      "genres_aggregate",
      "genres_by_pk",
      "library_books",
      "library_books_aggregate",
      "library_books_by_pk",
      "library_counts",
      "library_counts_aggregate",
      "library_long_books",
      "library_long_books_aggregate",
    ]);
    const subscriptions = names(admin, "subscription_root") ?? [];
    expect(subscriptions.filter((name) => !name.endsWith("_stream"))).toEqual(names(admin, "query_root"));
    expect(subscriptions.filter((name) => name.endsWith("_stream"))).toEqual(
      ["authors", "genres", "library_books", "library_counts"].map((name) => `${name}_stream`),
    );
    expect(names(admin, "mutation_root")?.filter((name) => /books|lend|counts/u.test(name))).toEqual([
      "delete_library_books",
      "delete_library_books_by_pk",
      "insert_library_books",
      "insert_library_books_one",
      "library_lend",
      "update_library_books",
      "update_library_books_by_pk",
      "update_library_books_many",
    ]);
  });

  it("gives columns Hasura's types", () => {
    const types = Object.fromEntries(
      Object.entries(output(admin, "library_books").getFields()).map(([name, entry]) => [
        name,
        String(entry.type),
      ]),
    );
    expect(types).toEqual({
      author: "authors!",
      author_id: "uuid!",
      details: "jsonb",
      genre: "genres_enum",
      id: "bigint!",
      pages: "Int",
      tags: "[String!]!",
      title: "String!",
    });
    expect(typeOf(admin, "library_books_bool_exp", "genre")).toBe("genres_enum_comparison_exp");
    expect(typeOf(admin, "library_books_bool_exp", "tags")).toBe("String_array_comparison_exp");
    expect(names(admin, "genres_enum")).toEqual(["novel", "poetry"]);
  });

  it("says in bindings what a field stands for", () => {
    const binding = (type: string, name: string) => {
      const field = output(admin, type).getFields()[name];
      return field === undefined ? undefined : bindingOf(field);
    };
    expect(binding("query_root", "library_books_by_pk")).toEqual({
      kind: "select_by_pk",
      table: "library.books",
    });
    expect(binding("library_books", "title")).toEqual({ kind: "column", column: "title" });
    expect(binding("authors", "books_aggregate")).toEqual({
      kind: "relationship_aggregate",
      name: "books",
      target: "library.books",
    });
    expect(binding("library_books_aggregate_fields", "sum")).toEqual({ kind: "aggregate_fn", fn: "sum" });
    expect(binding("mutation_root", "library_lend")).toEqual({
      kind: "function",
      fn: "library.lend",
      table: "library.books",
    });
  });

  it("leaves generated columns out of inputs and has the jsonb operators", () => {
    expect(names(admin, "library_books_insert_input")).not.toContain("id");
    expect(names(admin, "library_books_updates")).toEqual([
      "_append",
      "_delete_at_path",
      "_delete_elem",
      "_delete_key",
      "_inc",
      "_prepend",
      "_set",
      "where",
    ]);
    expect(names(admin, "authors_constraint")).toEqual(["authors_full_name_key", "authors_pkey"]);
  });

  it("takes function arguments without the session", () => {
    expect(names(admin, "library_long_books_args")).toEqual(["pages"]);
    const field = output(admin, "query_root").getFields()["library_long_books"];
    expect(field?.args.map((arg) => `${arg.name}: ${String(arg.type)}`)[0]).toBe(
      "args: library_long_books_args!",
    );
  });

  it("puts the comment of a column into its description", () => {
    expect(output(admin, "library_books").getFields()["title"]?.description).toBe("on the cover");
  });
});

describe("the schema of a role", () => {
  const reader = librarySchema("reader");

  it("shows no column that the role may not read, anywhere", () => {
    expect(names(reader, "library_books")).toEqual(["author", "genre", "id", "pages", "title"]);
    expect(names(reader, "library_books_select_column")).toEqual(["genre", "id", "pages", "title"]);
    expect(names(reader, "library_books_bool_exp")).not.toContain("details");
    expect(names(reader, "library_books_order_by")).not.toContain("author_id");
    expect(names(reader, "library_books_max_fields")).toEqual(["genre", "id", "pages", "title"]);
  });

  it("has no aggregates where they are not allowed, and no key lookup without a key", () => {
    expect(names(reader, "query_root")).toEqual([
      "authors",
      "authors_by_pk",
      "library_books",
      "library_books_aggregate",
      "library_books_by_pk",
      "library_counts",
      "library_long_books",
      "library_long_books_aggregate",
    ]);
    expect(names(reader, "authors")).toEqual(["books", "books_aggregate", "full_name", "id"]);
  });

  it("keeps presets out of the input and has no update", () => {
    expect(names(reader, "library_books_insert_input")).toEqual(["pages", "title"]);
    expect(names(reader, "mutation_root")).toEqual(["insert_library_books", "insert_library_books_one"]);
    expect(names(reader, "library_books_update_column")).toEqual(["_PLACEHOLDER"]);
  });

  it("infers permission for reading functions only", () => {
    expect([...reader.functions.keys()]).toEqual(["library.long_books"]);
    expect([...librarySchema("reader", {}, { infer: false }).functions.keys()]).toEqual([]);
  });

  it("answers nothing of the rows to a role that may only insert", () => {
    const blind = librarySchema("blind");
    expect(names(blind, "mutation_root")).toEqual(["insert_library_books"]);
    expect(names(blind, "library_books_mutation_response")).toEqual(["affected_rows"]);
    expect(names(blind, "query_root")).toEqual(["no_queries_available"]);
    expect(blind.schema.getSubscriptionType()).toBeUndefined();
    expect(validateSchema(blind.schema)).toEqual([]);
  });

  it("hides backend_only permissions from everyone but backends", () => {
    expect(librarySchema("backend").schema.getMutationType()).toBeUndefined();
    expect(names(librarySchema("backend", {}, { backendOnly: true }), "mutation_root")).toEqual([
      "insert_library_books",
    ]);
  });

  it("gives a role that is in no permission one field", () => {
    const stranger = librarySchema("stranger");
    expect(names(stranger, "query_root")).toEqual(["no_queries_available"]);
    expect(stranger.tables.get("library.books")?.columns.size).toBe(0);
    expect(stranger.tables.get("library.books")?.relationships.get("author")).toMatchObject({
      target: "public.authors",
      selectable: false,
    });
  });

  it("keeps to the lists of root fields", () => {
    const permission = {
      columns: ["id"],
      filter: {},
      query_root_fields: [],
      subscription_root_fields: ["select"],
    };
    const schema = librarySchema("reader", {
      authors: { select_permissions: [{ role: "reader", permission }] },
    });
    expect(names(schema, "query_root")).not.toContain("authors");
    expect(names(schema, "query_root")).not.toContain("authors_by_pk");
    expect(names(schema, "subscription_root")).toContain("authors");
    expect(names(schema, "library_books")).toContain("author");
  });
});

describe("custom names", () => {
  const schema = librarySchema("admin", {
    books: {
      configuration: {
        custom_name: "book",
        custom_root_fields: { select: "allBooks", insert_one: { name: "addBook", comment: "Adds one" } },
        column_config: { author_id: { custom_name: "authorId", comment: "who" } },
      },
    },
  });

  it("rename types, root fields and columns", () => {
    expect(names(schema, "query_root")).toEqual(
      expect.arrayContaining(["allBooks", "book_by_pk", "book_aggregate"]),
    );
    expect(names(schema, "mutation_root")).toEqual(expect.arrayContaining(["addBook", "insert_book"]));
    expect(output(schema, "mutation_root").getFields()["addBook"]?.description).toBe("Adds one");
    expect(names(schema, "book")).toContain("authorId");
    expect(output(schema, "book").getFields()["authorId"]?.description).toBe("who");
  });
});

describe("actions", () => {
  const action = (definition: object) => ({
    root: {
      actions: [
        {
          name: "orderBook",
          definition: { handler: "http://localhost", type: "mutation", ...definition },
          permissions: [{ role: "reader" }],
        },
      ],
      custom_types: {
        objects: [
          {
            name: "Answer",
            fields: [
              { name: "price", type: "bigint!" },
              { name: "at", type: "timestamptz" },
            ],
          },
        ],
        input_objects: [{ name: "Order", fields: [{ name: "ids", type: "[uuid!]!" }] }],
      },
    },
  });
  const valid = action({ arguments: [{ name: "order", type: "Order!" }], output_type: "[Answer!]!" });

  it("use their own types and Postgres scalars without declaring them", () => {
    const reader = librarySchema("reader", valid);
    expect(typeOf(reader, "mutation_root", "orderBook")).toBe("[Answer!]!");
    expect(typeOf(reader, "Order", "ids")).toBe("[uuid!]!");
    const price = output(reader, "Answer").getFields()["price"];
    expect(price === undefined ? undefined : bindingOf(price)).toEqual({ kind: "action_output" });
    expect(validateSchema(reader.schema)).toEqual([]);
  });

  it("do not exist for other roles", () => {
    const stranger = librarySchema("stranger", valid);
    expect(stranger.schema.getMutationType()).toBeUndefined();
    expect(stranger.schema.getType("Answer")).toBeUndefined();
  });

  it("are refused with a type that nobody defines", () => {
    expect(() => librarySchema("admin", action({ output_type: "Nothing" })).schema).toThrow(
      'action orderBook: the type "Nothing" is not defined',
    );
  });
});

describe("metadata that does not fit the database", () => {
  it.each([
    ["a column", { select_permissions: [{ role: "x", permission: { columns: ["nope"], filter: {} } }] }],
    [
      "a foreign key",
      { object_relationships: [{ name: "y", using: { foreign_key_constraint_on: "full_name" } }] },
    ],
    ["another table", { table: "missing" }],
  ])("is refused: %s", (_what, authors) => {
    expect(() => librarySchema("admin", { authors })).toThrow(InconsistentMetadataError);
  });
});
