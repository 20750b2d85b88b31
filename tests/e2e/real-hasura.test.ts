import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../support/database.ts";
import { freePort, ownSettings, startCommand, type StartedCommand } from "../support/start-command.ts";

/** The engine alone stands for the real Hasura: another process that reads the same metadata and the same database. */
let test: TestDatabase;
let env: Readonly<Record<string, string>>;
let hasura: StartedCommand;
let product: StartedCommand;

beforeAll(async () => {
  test = await createTestDatabase();
  const own = await ownSettings("hasura");
  const secrets = {
    HASURA_GRAPHQL_ADMIN_SECRET: randomBytes(12).toString("hex"),
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type: "HS256", key: randomBytes(32).toString("hex") }),
    ACTION_SECRET: randomBytes(12).toString("hex"),
  };
  env = { ...own, ...secrets, DATABASE_URL: test.url };
  hasura = startCommand(
    {
      ...env,
      PG_DATABASE_URL: test.url,
      ACTIONS_BASE_URL: `http://127.0.0.1:${own.ACTIONS_PORT}`,
      HASURA_METADATA_DIR: join(hasuraDir, "metadata"),
    },
    "src/cli/engine.ts",
    "engine     http",
  );
  await hasura.ready();
  // A port of its own that nobody may take: the product has no engine here.
  const ENGINE_PORT = String(await freePort());
  product = startCommand({ ...env, ENGINE_PORT, HASURA_URL: `http://127.0.0.1:${own.ENGINE_PORT}` });
  await product.ready();
}, 120_000);

afterAll(async () => {
  for (const command of [product, hasura]) {
    command.child.kill("SIGKILL");
    await command.exited();
  }
  await test.drop();
  await rm(env["DATA_DIR"] ?? "", { recursive: true });
});

const ask = async (query: string): Promise<unknown> => {
  const token = /authorization: Bearer (\S+)'/u.exec(product.output())?.[1] ?? "";
  const response = await fetch(`http://127.0.0.1:${env["PORT"] ?? ""}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  return response.json();
};

describe("HASURA_URL", () => {
  it("puts the gateway and the actions around another Hasura", async () => {
    expect(product.output()).toContain(
      `hasura        http://127.0.0.1:${env["ENGINE_PORT"] ?? ""}/v1/graphql`,
    );
    expect(product.output()).not.toMatch(/^engine /mu);
    expect(await ask(`{ usage_current(where: {metric: {_eq: "members"}}) { metric used } }`)).toEqual({
      data: { usage_current: [{ metric: "members", used: 3 }] },
    });
  });

  it("lets that Hasura call this product's actions", async () => {
    const workspace = "a0000000-0000-4000-8000-000000000001";
    const query = `{ checkUsage(workspaceId: "${workspace}", metric: "messages", amount: 1) { allowed metric } }`;
    expect(await ask(query)).toEqual({ data: { checkUsage: { allowed: true, metric: "messages" } } });
  });

  it("stops and leaves the other Hasura alone", async () => {
    product.child.kill("SIGTERM");
    expect(await product.exited()).toBe(0);
    const health = await fetch(`http://127.0.0.1:${env["ENGINE_PORT"] ?? ""}/healthz`);
    expect(health.status).toBe(200);
  });
});
