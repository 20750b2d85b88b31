import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import { loadMetadataFolder, MetadataError, qualifiedKey } from "../../../../src/engine/metadata/index.ts";

const fixture = (name: string): string => path.resolve("tests/fixtures/engine", name);

describe("loadMetadataFolder", () => {
  it("joins the included files into one source", async () => {
    const metadata = await loadMetadataFolder(fixture("metadata"));
    const [source] = metadata.sources;
    expect(source?.databaseUrl).toEqual({ fromEnv: "PG_DATABASE_URL" });
    expect(source?.tables.map((table) => qualifiedKey(table.table))).toEqual([
      "public.authors",
      "library.books",
    ]);
    expect(source?.functions[0]?.sessionArgument).toBe("hasura_session");
  });

  it("writes out permissions with every default", async () => {
    const metadata = await loadMetadataFolder(fixture("metadata"));
    const [authors, books] = metadata.sources[0]?.tables ?? [];
    expect(authors?.permissions.select.get("reader")).toEqual({
      columns: ["id", "full_name"],
      computedFields: [],
      filter: {},
      limit: 50,
      allowAggregations: true,
      queryRootFields: null,
      subscriptionRootFields: null,
    });
    expect(books?.permissions.insert.get("reader")).toEqual({
      columns: ["title", "pages"],
      check: { author_id: { _eq: "X-Hasura-User-Id" } },
      set: { author_id: "x-hasura-User-Id" },
      backendOnly: false,
    });
    expect(authors?.columnConfig.get("full_name")).toEqual({ customName: "fullName" });
    expect(authors?.customRootFields).toEqual({ select_by_pk: { name: "author" } });
    expect(authors?.arrayRelationships[0]).toEqual({
      name: "books",
      kind: "fk",
      remote: { table: { schema: "library", name: "books" }, columns: ["author_id"] },
    });
  });

  it("takes the signature of an action from the SDL", async () => {
    const metadata = await loadMetadataFolder(fixture("metadata"));
    expect(metadata.actions).toEqual([
      {
        name: "orderBook",
        kind: "synchronous",
        operation: "mutation",
        arguments: [{ name: "order", type: "OrderInput!" }],
        outputType: "OrderAnswer!",
        handler: "{{ACTIONS_BASE_URL}}/actions/orderBook",
        timeoutSeconds: 30,
        forwardClientHeaders: false,
        headers: [{ name: "X-Action-Secret", valueFromEnv: "ACTION_SECRET" }],
        permissions: ["reader"],
        comment: "Orders a book.",
      },
    ]);
    expect(metadata.customTypes.objects[0]?.fields).toEqual([
      { name: "id", type: "uuid!" },
      { name: "price", type: "bigint!" },
    ]);
  });

  it("reads cron triggers with Hasura's retry defaults", async () => {
    const metadata = await loadMetadataFolder(fixture("metadata"));
    expect(metadata.cronTriggers[0]?.retry).toEqual({
      numRetries: 0,
      intervalSeconds: 10,
      timeoutSeconds: 60,
      toleranceSeconds: 21_600,
    });
  });

  it("names the file and the key that it would not carry out", async () => {
    const error = await loadMetadataFolder(fixture("broken-metadata")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MetadataError);
    expect(error).toMatchObject({
      file: "databases/default/tables/public_authors.yaml",
      path: "select_permissions[0].permission.limitt",
      key: "limitt",
    });
  });

  it("says that a folder is missing", async () => {
    await expect(loadMetadataFolder(fixture("nowhere"))).rejects.toThrow("metadata folder not found");
  });
});
