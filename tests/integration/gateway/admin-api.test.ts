import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { doorKinds, startTestHouse, type TestHouse } from "../../support/doors.ts";
import { testAdminSecret, testToken } from "../../support/gateway.ts";
import { postRaw, type RawHeaders } from "../../support/raw-http.ts";

let test: TestDatabase;
let open: TestHouse;
let closed: TestHouse;

beforeAll(async () => {
  test = await createTestDatabase();
  open = await startTestHouse({ test, gateway: { settings: { adminApi: true } } });
  closed = await startTestHouse({ test });
}, 120_000);
afterAll(async () => {
  await closed.stop();
  await open.stop();
  await test.drop();
});

const admin: RawHeaders = [["x-hasura-admin-secret", testAdminSecret]];
const nowhere = { error: "no such endpoint", code: "not-found" };
const runSql = (sql: string): string => JSON.stringify({ type: "run_sql", args: { sql } });

describe.each(doorKinds)("the administrative endpoints of the %s engine", (kind) => {
  it("pass for the admin secret", async () => {
    const { url } = open.doors[kind];
    const rows = await postRaw(url, admin, runSql("select 1 as one"), "/v2/query");
    expect([rows.status, JSON.parse(rows.text)]).toEqual([
      200,
      { result_type: "TuplesOk", result: [["one"], ["1"]] },
    ]);
    const exported = await postRaw(url, admin, '{"type":"export_metadata","args":{}}', "/v1/metadata");
    expect(JSON.parse(exported.text)).toMatchObject({ version: 3 });
    const version = await fetch(`${url}/v1/version`, {
      headers: { "x-hasura-admin-secret": testAdminSecret },
    });
    expect(await version.json()).toMatchObject({ server_type: "ce" });
    const wrong = await postRaw(url, admin, runSql("select nothing from nowhere"), "/v2/query");
    expect(wrong.status).toBe(400);
  });

  it("are not there for anybody else, nor by another way of writing their path", async () => {
    const { url } = open.doors[kind];
    const token: RawHeaders = [["authorization", `Bearer ${await testToken()}`]];
    const wrong: RawHeaders = [["x-hasura-admin-secret", "wrong"]];
    const smuggled: RawHeaders = [
      ...token,
      ["x_hasura_admin_secret", testAdminSecret],
      ["x-hasura-role", "user"],
    ];
    for (const path of [
      "/v1/metadata",
      "/v2/query",
      "/v1/query",
      "/v1/graphql/explain",
      "/v1alpha1/config",
    ]) {
      for (const headers of [[], token, wrong, smuggled]) {
        const answer = await postRaw(url, headers, runSql("select 1"), path);
        expect([path, answer.status, JSON.parse(answer.text)]).toEqual([path, 404, nowhere]);
      }
    }
    for (const path of [
      "/v2/query/",
      "/V2/query",
      "/v2/%71uery",
      "/x/../v1/pg_dump",
      "/console",
      "/api/rest/x",
    ]) {
      const answer = await postRaw(url, token, runSql("select 1"), path);
      expect([path, answer.status, JSON.parse(answer.text)]).toEqual([path, 404, nowhere]);
    }
  });

  it("are not there for the admin secret either, unless they were asked for", async () => {
    const { url } = closed.doors[kind];
    for (const path of ["/v1/metadata", "/v2/query", "/v1/version"]) {
      const answer = await postRaw(url, admin, runSql("select 1"), path);
      expect([path, answer.status, JSON.parse(answer.text)]).toEqual([path, 404, nowhere]);
    }
  });
});
