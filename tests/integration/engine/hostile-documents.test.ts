import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { join } from "node:path";

import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { createEngine, createSession, type Engine, loadMetadataFolder } from "../../../src/engine/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
let engine: Engine;

beforeAll(async () => {
  test = await createTestDatabase();
  engine = await createEngine({
    metadata: await loadMetadataFolder(join(hasuraDir, "metadata")),
    database: test.database,
    clock: systemClock,
    logger: silentLogger,
    settings: {
      adminSecret: "s",
      env: {
        PG_DATABASE_URL: test.url,
        ACTIONS_BASE_URL: "http://127.0.0.1:1",
        ACTION_SECRET: "0123456789abcdef",
      },
    },
  });
});

afterAll(async () => {
  await engine.stop();
  await test.drop();
});

const ask = (query: string, variables: Record<string, unknown> = {}): Promise<string> =>
  engine.execute({ query, variables }, createSession("admin", {}));

const doubling = (levels: number): string =>
  Array.from(
    { length: levels },
    (_, level) =>
      `fragment f${String(level)} on messages { ...f${String(level + 1)} ...f${String(level + 1)} }`,
  ).join("\n");

const nested = (levels: number, inner: string): string =>
  `${"channel { messages { ".repeat(levels)}${inner}${" } }".repeat(levels)}`;

const deepWhere = (levels: number): object =>
  Array.from({ length: levels }).reduce<object>((inner) => ({ _not: inner }), { body: { _eq: "x" } });

describe("a document that asks for too much", () => {
  it.each([
    [
      "fragments that use each other twice",
      `{ messages { ...f0 } } ${doubling(40)} fragment f40 on messages { id }`,
    ],
    ["fields in ten thousand levels", `{ messages { ${nested(5_000, "id")} } }`],
    ["fields in eighty levels", `{ messages { ${nested(40, "id")} } }`],
    [
      "sixty thousand aliases",
      `{ messages { ${Array.from({ length: 60_000 }, (_, at) => `a${String(at)}: id`).join(" ")} } }`,
    ],
    [
      "a value in a million brackets",
      `{ messages(where: ${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}) { id } }`,
    ],
  ])("is refused: %s", async (_, query) => {
    const text = await ask(query);
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: "validation-failed" } }] });
  });

  it("is refused for variables nested without end", async () => {
    const text = await ask("query ($where: messages_bool_exp) { messages(where: $where) { id } }", {
      where: deepWhere(20_000),
    });
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: "validation-failed" } }] });
  });

  it("is refused for more values than a statement can carry", async () => {
    const objects = Array.from({ length: 40_000 }, (_, at) => ({
      email: `${String(at)}@x`,
      display_name: "x",
    }));
    const text = await ask(
      "mutation ($objects: [users_insert_input!]!) { insert_users(objects: $objects) { affected_rows } }",
      { objects },
    );
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: "data-exception" } }] });
  });
});

describe("what the schema offers and Postgres would not take", () => {
  it.each([
    [
      "no function in an aggregate of a filter",
      "{ usage_metrics(where: { usage_reconciliations_aggregate: { bool_and: null } }) { key } }",
      {
        message: expect.stringContaining("but found null"),
        extensions: {
          path: "$.selectionSet.usage_metrics.args.where.usage_reconciliations_aggregate.bool_and",
          code: "validation-failed",
        },
      },
    ],
    [
      "a related row for a column that Postgres computes",
      `mutation { insert_workspace_invitations_one(object: {
        email: "a@example.com", recipient: { data: { email: "a@example.com" } }
      }) { id } }`,
      {
        message:
          'cannot insert object relationship "recipient" as "email_key" column values are already determined',
        extensions: {
          path: "$.selectionSet.insert_workspace_invitations_one.args.object.recipient",
          code: "validation-failed",
        },
      },
    ],
    [
      "rows for a view that takes none",
      `mutation { insert_workspaces_one(object: {
        name: "w", subscription_usage: { data: [{ max_storage_bytes_reached: 1 }] }
      }) { id } }`,
      {
        message: "database query error",
        extensions: {
          path: "$.selectionSet.insert_workspaces_one.args.object.subscription_usage.data",
          code: "unexpected",
          internal: { message: 'view "usage.subscription_usage" is not insertable' },
        },
      },
    ],
  ])("is refused before it: %s", async (_, query, error) => {
    expect(JSON.parse(await ask(query))).toEqual({ errors: [error] });
  });
});

describe("a large document that is still answered", () => {
  it("has twenty levels and a thousand aliases", async () => {
    const aliases = Array.from({ length: 1_000 }, (_, at) => `a${String(at)}: id`).join(" ");
    const text = await ask(
      `{ messages(limit: 1) { ${aliases} } deep: messages(limit: 1) { ${nested(5, "id")} } }`,
    );
    expect(JSON.parse(text)).toMatchObject({ data: { messages: [{}], deep: [{}] } });
  });
});
