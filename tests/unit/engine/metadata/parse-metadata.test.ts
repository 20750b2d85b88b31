import { describe, expect, it } from "@jest/globals";
import { MetadataError, parseMetadata } from "../../../../src/engine/metadata/index.ts";

const table = (extra: object = {}) => ({ table: { schema: "public", name: "t" }, ...extra });
const withTable = (extra: object) => ({
  version: 3,
  sources: [
    {
      name: "default",
      kind: "postgres",
      configuration: { connection_info: { database_url: "postgres://localhost/app" } },
      tables: [table(extra)],
    },
  ],
});

const failure = (document: unknown): MetadataError => {
  try {
    parseMetadata(document);
  } catch (error) {
    if (error instanceof MetadataError) {
      return error;
    }
    throw error;
  }
  throw new Error("the metadata was accepted");
};

describe("parseMetadata", () => {
  it("accepts an empty project and the form of export_metadata", () => {
    expect(parseMetadata({ version: 3, sources: [] }).sources).toEqual([]);
    expect(parseMetadata({ resource_version: 4, metadata: { version: 3, sources: [] } }).version).toBe(3);
  });

  it.each([
    ["remote_relationships", [{ name: "x" }], "remote relationships"],
    ["apollo_federation_config", { enable: "v1" }, "Apollo federation"],
  ])("refuses %s of a table by name, but not an empty list", (key, value, words) => {
    const error = failure(withTable({ [key]: value }));
    expect(error.key).toBe(key);
    expect(error.message).toContain(words);
    expect(parseMetadata(withTable({ [key]: [] })).sources).toHaveLength(1);
  });

  it.each([
    ["remote_schemas", [{ name: "x" }]],
    ["api_limits", { disabled: false }],
    ["network", { tls_allowlist: [{ host: "a" }] }],
  ])("refuses %s by name", (key, value) => {
    expect(failure({ version: 3, sources: [], [key]: value }).key).toBe(key);
  });

  it("refuses a whole number that a reader of JSON or YAML has rounded, in rules and payloads", () => {
    const permission = (value: unknown) =>
      withTable({
        select_permissions: [{ role: "user", permission: { columns: "*", filter: { id: { _eq: value } } } }],
      });
    const error = failure(permission(2 ** 53));
    expect(error.message).toContain("select_permissions[0].permission.filter.id._eq");
    expect(error.message).toContain("write it as text");
    expect(parseMetadata(permission("9007199254740993")).sources).toHaveLength(1);
    expect(parseMetadata(permission(2 ** 53 - 1)).sources).toHaveLength(1);
  });

  it("refuses a collected query that is no document", () => {
    const queries = [{ name: "q", query: "query { author { " }];
    const error = failure({
      version: 3,
      sources: [],
      query_collections: [{ name: "c", definition: { queries } }],
    });
    expect(error.message).toContain("query_collections[0].definition.queries[0].query");
    expect(error.message).toContain("parsing the graphql query failed");
  });

  it("reads collections, allow lists and REST endpoints, and refuses a key of theirs that it does not know", () => {
    const document = {
      version: 3,
      sources: [],
      query_collections: [{ name: "c", definition: { queries: [{ name: "q", query: "{ a }" }] } }],
      allowlist: [{ collection: "c", scope: { global: false, roles: ["user"] } }],
      rest_endpoints: [
        {
          name: "e",
          url: "e/:id",
          methods: ["GET"],
          definition: { query: { collection_name: "c", query_name: "q" } },
        },
      ],
    };
    const { allowList, restEndpoints } = parseMetadata(document);
    expect(allowList).toEqual([{ collection: "c", roles: ["user"] }]);
    expect(restEndpoints).toEqual([{ name: "e", url: "e/:id", methods: ["GET"], query: "{ a }" }]);
    for (const list of ["query_collections", "allowlist", "rest_endpoints"] as const) {
      const [first] = document[list];
      expect(failure({ ...document, [list]: [{ ...first, extra: 1 }] }).key).toBe("extra");
    }
  });

  it("refuses a permission rule that it does not know", () => {
    const error = failure(
      withTable({
        insert_permissions: [
          { role: "user", permission: { check: {}, columns: "*", validated: { type: "http" } } },
        ],
      }),
    );
    expect(error.path).toBe("sources[0].tables[0].insert_permissions[0].permission.validated");
  });

  it("reads transforms of either version, and refuses an unknown action of one", () => {
    const action = (definition: object) => ({
      version: 3,
      sources: [],
      actions: [{ name: "a", definition: { handler: "http://h", output_type: "String", ...definition } }],
    });
    const read = (definition: object) => parseMetadata(action(definition)).actions[0];
    expect(
      read({ request_transform: { body: "{{ $body }}", query_params: { a: null } } })?.requestTransform,
    ).toEqual({
      version: 1,
      addHeaders: {},
      removeHeaders: [],
      queryParams: { a: "null" },
      body: { action: "transform", template: "{{ $body }}" },
    });
    const form = {
      version: 2,
      body: { action: "x_www_form_urlencoded", form_template: { a: "{{ $body.a }}" } },
    };
    expect(read({ response_transform: form })?.responseTransform).toEqual({
      version: 2,
      body: { action: "x_www_form_urlencoded", formTemplate: { a: "{{ $body.a }}" } },
    });
    expect(failure(action({ request_transform: { version: 2, body: { action: "wish" } } })).path).toContain(
      "request_transform",
    );
    expect(read({})?.operation).toBe("mutation");
    expect(read({ kind: "asynchronous" })?.kind).toBe("asynchronous");
  });

  it("refuses another kind of source and a second source", () => {
    const [source] = withTable({}).sources;
    expect(failure({ version: 3, sources: [{ ...source, kind: "mssql" }] }).key).toBe("kind");
    expect(failure({ version: 3, sources: [source, source] }).message).toContain("more than one source");
  });

  it("refuses the same role twice, and rules for admin", () => {
    const permission = { columns: "*", filter: {} };
    const twice = [
      { role: "user", permission },
      { role: "user", permission },
    ];
    expect(failure(withTable({ select_permissions: twice })).key).toBe("user");
    expect(failure(withTable({ select_permissions: [{ role: "admin", permission }] })).key).toBe("admin");
  });

  it("reads every spelling of a foreign key relationship", () => {
    const metadata = parseMetadata(
      withTable({
        object_relationships: [
          { name: "a", using: { foreign_key_constraint_on: "a_id" } },
          { name: "b", using: { foreign_key_constraint_on: ["b1", "b2"] } },
          { name: "c", using: { foreign_key_constraint_on: { table: "c", column: "t_id" } } },
          {
            name: "d",
            using: {
              manual_configuration: {
                remote_table: { schema: "public", name: "d" },
                column_mapping: { id: "t_id" },
                insertion_order: "after_parent",
              },
            },
          },
        ],
      }),
    );
    expect(metadata.sources[0]?.tables[0]?.objectRelationships).toEqual([
      { name: "a", kind: "fk", columns: ["a_id"] },
      { name: "b", kind: "fk", columns: ["b1", "b2"] },
      { name: "c", kind: "fk", remote: { table: { schema: "public", name: "c" }, columns: ["t_id"] } },
      {
        name: "d",
        kind: "manual",
        remoteTable: { schema: "public", name: "d" },
        mapping: new Map([["id", "t_id"]]),
        insertionOrder: "after_parent",
      },
    ]);
  });

  it("names the key inside a relationship, not the relationship", () => {
    const error = failure(
      withTable({
        object_relationships: [
          {
            name: "d",
            using: { manual_configuration: { remote_table: "d", column_mapping: {}, source: "other" } },
          },
        ],
      }),
    );
    expect(error.key).toBe("source");
  });
});
