import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { type ApiCallRollup, createApiCallRollup } from "../../../src/domain/api-calls/index.ts";
import { createGate } from "../../../src/domain/gate/index.ts";
import { createLeases, leaseHolder, type Leases } from "../../../src/domain/lease/index.ts";
import { createQuotaStage, createRollupStage, type GatewayStage } from "../../../src/gateway/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(() => test.drop());

let leases: Leases;
let rollup: ApiCallRollup;
let upstream: TestUpstream;
let gateway: TestGateway;
let workspace: Workspace;
let later: GatewayStage["admit"];
let settled: number;

beforeEach(async () => {
  later = () => ({ allowed: true });
  settled = 0;
  const deps = { database: test.database, clock: systemClock, logger: silentLogger };
  leases = createLeases({ ...deps, holder: leaseHolder() });
  rollup = createApiCallRollup(deps);
  upstream = await startTestUpstream();
  gateway = await startTestGateway({
    upstream: { kind: "url", url: upstream.url },
    stages: [
      {
        name: "counting",
        admit: () => ({ allowed: true }),
        settle: () => {
          settled += 1;
        },
      },
      createRollupStage(rollup),
      createQuotaStage({ leases, gate: createGate(deps), logger: silentLogger }),
      { name: "later", admit: (request) => later(request) },
    ],
  });
  workspace = await createWorkspace(test.database);
});
afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
  await rollup.stop();
  await leases.stop();
});

const ask = async (body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(headers ?? {
        authorization: `Bearer ${await testToken({
          "x-hasura-user-id": workspace.owner,
          "x-hasura-workspace-id": workspace.id,
        })}`,
      }),
    },
    body: JSON.stringify(body),
  });

const used = async (): Promise<number> => {
  const [row] = await test.database.query<{ used: string }>(
    "select used from usage.current where workspace_id = $1 and metric = 'api_calls'",
    [workspace.id],
  );
  return Number(row?.used);
};

const rolledUp = async (requests: number) => {
  await waitFor("the answers to be settled", () => settled === requests);
  await rollup.flush();
  return test.database.query(
    `select user_id, operation, role, protocol, status, code, count, refused
     from usage.api_calls
     where workspace_id = $1
     order by operation, code`,
    [workspace.id],
  );
};

describe("the quota of API calls", () => {
  it("counts each operation that is let through, exactly once the leases are given back", async () => {
    await Promise.all(Array.from({ length: 40 }, () => ask({ query: "{ a }" })));
    await ask([{ query: "{ a }" }, { query: "{ b }" }]);
    expect(await used()).toBeGreaterThanOrEqual(42);
    await leases.stop();
    expect(await used()).toBe(42);
  });

  it("is never passed, and says with the decision what is used up", async () => {
    await setLimit(test.database, workspace.id, "api_calls", 25);
    const found = await Promise.all(Array.from({ length: 60 }, () => ask({ query: "{ a }" })));
    expect(found.filter(({ status }) => status === 200)).toHaveLength(25);
    expect(upstream.calls).toHaveLength(25);
    const refused = await ask({ query: "{ a }" });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      errors: [
        {
          message: "the API calls of this period are used up",
          extensions: {
            code: "usage-limit-exceeded",
            allowed: false,
            metric: "api_calls",
            used: 25,
            limit: 25,
            remaining: 0,
            limitedBy: "override",
          },
        },
      ],
    });
    await setLimit(test.database, workspace.id, "api_calls", 26);
    await test.database.query("delete from billing.limit_overrides where limit_value = 25");
    expect((await ask({ query: "{ a }" })).status).toBe(200);
  });

  it("is given back for what a later stage refuses", async () => {
    later = () => ({ allowed: false, status: 403, code: "no", message: "no" });
    for (let n = 0; n < 5; n += 1) expect((await ask({ query: "{ a }" })).status).toBe(403);
    await waitFor("the answers to be settled", () => settled === 5);
    await leases.stop();
    expect(await used()).toBe(0);
  });

  it("is not asked for who holds the admin secret, nor for requests without a workspace", async () => {
    await ask({ query: "{ a }" }, { "x-hasura-admin-secret": testAdminSecret });
    await ask({ query: "{ a }" }, {});
    expect(await rolledUp(2)).toEqual([]);
    expect(upstream.calls).toHaveLength(2);
  });

  it("is an outage, not a denial, when the database is away", async () => {
    const other = await createTestDatabase();
    await other.drop();
    const away = { database: other.database, clock: systemClock, logger: silentLogger };
    const lost = createLeases({ ...away, holder: leaseHolder() });
    const alone = await startTestGateway({
      upstream: { kind: "url", url: upstream.url },
      stages: [createQuotaStage({ leases: lost, gate: createGate(away), logger: silentLogger })],
    });
    try {
      const answer = await fetch(`${alone.url}/v1/graphql`, {
        method: "POST",
        headers: { authorization: `Bearer ${await testToken()}` },
        body: '{"query":"{ a }"}',
      });
      expect(answer.status).toBe(503);
      expect(upstream.calls).toEqual([]);
    } finally {
      await alone.stop();
    }
  });
});

describe("the hourly sums", () => {
  it("tell operations, statuses and refusals apart", async () => {
    await ask({ query: "query List { a }" });
    await ask({ query: "query List { a }" });
    await ask({ query: "{ a }" });
    later = () => ({ allowed: false, status: 429, code: "rate-limited", message: "slower" });
    await ask({ query: "query List { a }" });
    const common = { user_id: workspace.owner, role: "user", protocol: "http" };
    expect(await rolledUp(4)).toEqual([
      { ...common, operation: "List", status: 200, code: "", count: "2", refused: "0" },
      { ...common, operation: "List", status: 429, code: "rate-limited", count: "0", refused: "1" },
      { ...common, operation: null, status: 200, code: "", count: "1", refused: "0" },
    ]);
  });
});
