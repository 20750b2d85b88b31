import { describe, expect, it } from "@jest/globals";

import { useMetadataApi } from "./metadata-api-support.ts";

const { start, stop, send, command, done, query, track } = useMetadataApi();

describe("endpoints", () => {
  const collection = {
    name: "app",
    definition: {
      queries: [
        { name: "byName", query: "query ($name: String!) { author(where: {name: {_eq: $name}}) { id } }" },
        { name: "all", query: "query all { article { id } }" },
      ],
    },
  };
  const endpoint = (url: string, name = url, methods: readonly string[] = ["GET", "POST"]) => ({
    name,
    url,
    methods,
    definition: { query: { collection_name: "app", query_name: "byName" } },
  });

  it("answer with data alone, their variables from path, query string or body", async () => {
    await track();
    await done("create_query_collection", collection);
    await done("create_rest_endpoint", endpoint("authors/:name"));
    await done("create_rest_endpoint", endpoint("find"));
    const ann = { status: 200, body: { author: [{ id: 1 }] } };
    expect(await send("/api/rest/authors/Ann")).toEqual(ann);
    expect(await send("/api/rest/find?name=Ann")).toEqual(ann);
    expect(await send("/api/rest/find", { name: "Ann" })).toEqual(ann);
    expect(await send("/api/rest/find")).toMatchObject({ status: 400, body: { code: "validation-failed" } });
    expect(await send("/api/rest/find", undefined, { method: "DELETE" })).toMatchObject({ status: 405 });
    expect(await send("/api/rest/nothing")).toEqual({
      status: 404,
      body: { error: "Endpoint not found", path: "$", code: "not-found" },
    });
  });

  it("are refused when their paths could mean each other", async () => {
    await track();
    await done("create_query_collection", collection);
    await done("create_rest_endpoint", endpoint("authors/:name"));
    expect(await command("create_rest_endpoint", endpoint("authors/all", "clash"))).toMatchObject({
      status: 400,
    });
  });

  it("let other roles than admin send only what stands on the allow list", async () => {
    await stop();
    await start({ enableAllowList: true });
    await track();
    await done("create_query_collection", collection);
    const allowed = "query all {\n  article { id __typename }\n}";
    const refusal = {
      errors: [{ message: "query is not allowed", extensions: { code: "validation-failed" } }],
    };
    expect(await query(allowed, "user")).toMatchObject(refusal);
    await done("add_collection_to_allowlist", { collection: "app" });
    expect(await query(allowed, "user")).toMatchObject({ data: { article: [{ id: 1 }, { id: 2 }] } });
    expect(await query("{ article { title } }", "user")).toMatchObject(refusal);
    expect(await query("{ article { title } }")).toMatchObject({ data: {} });
    await done("update_scope_of_collection_in_allowlist", {
      collection: "app",
      scope: { global: false, roles: ["other"] },
    });
    expect(await query(allowed, "user")).toMatchObject(refusal);
  });

  it("explain what a role would send, for the administrator only", async () => {
    await track();
    const request = { query: { query: "{ article { id } }" }, user: { "x-hasura-role": "user" } };
    const { status, body } = await send("/v1/graphql/explain", request);
    expect(status).toBe(200);
    expect(body).toMatchObject([{ field: "article", sql: expect.stringContaining("select") }]);
    expect(await send("/v1/graphql/explain", request, { role: "user" })).toMatchObject({
      status: 400,
      body: { code: "access-denied" },
    });
  });

  it("hide the schema from roles that may not ask for it", async () => {
    await track();
    await done("set_graphql_schema_introspection_options", { disabled_for_roles: ["user"] });
    expect(await query("{ __schema { queryType { name } } }", "user")).toMatchObject({
      errors: [{ message: "field '__schema' not found in type: 'query_root'" }],
    });
    expect(await query("{ __typename article { __typename } }", "user")).toMatchObject({ data: {} });
    expect(await query("{ __schema { queryType { name } } }")).toMatchObject({ data: {} });
  });
});
