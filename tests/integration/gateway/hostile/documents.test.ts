import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { silentLogger, systemClock } from "../../../../src/core/index.ts";
import {
  createMemoryStore,
  createRateLimiter,
  createRateLimits,
} from "../../../../src/domain/rate-limit/index.ts";
import { createApiLimitsStage, createRateLimitStage, parseApiLimits } from "../../../../src/gateway/index.ts";
import { createTestClock } from "../../../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { testToken } from "../../../support/gateway.ts";
import { postRaw } from "../../../support/raw-http.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";

let test: TestDatabase;
/** Nothing in front of the engine, and everything: the plan's rate (2,000 units a minute) and Hasura's own limits. */
let open: TestHouse;
let limited: TestHouse;
let mine: Tenant;
let authorization: string;

beforeAll(async () => {
  test = await createTestDatabase();
  mine = await createTenant(test.database, "mine");
  const claims = {
    "x-hasura-allowed-roles": ["user"],
    "x-hasura-user-id": mine.userId,
    "x-hasura-workspace-id": mine.workspaceId,
  };
  authorization = `Bearer ${await testToken(claims)}`;
  open = await startTestHouse({ test });
  const clock = createTestClock();
  const store = createMemoryStore({ clock, elapsedMs: () => 1_000 });
  const limits = parseApiLimits({ batch_limit: { global: 1_500 }, depth_limit: { global: 50 } });
  limited = await startTestHouse({
    test,
    gateway: {
      stages: [
        createApiLimitsStage({ limits, store, logger: silentLogger }),
        createRateLimitStage({
          limiter: createRateLimiter({
            store,
            limits: createRateLimits({ database: test.database, clock: systemClock }),
          }),
          clock,
          logger: silentLogger,
        }),
      ],
    },
  });
}, 120_000);

afterAll(async () => {
  await limited.stop();
  await open.stop();
  await test.drop();
});

const many = (count: number, item: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => item(at)).join(" ");

const deep = `{ workspaces ${"{ channels ".repeat(10_000)}{ id } ${"}".repeat(10_000)} }`;
const rootFields = (count: number): string =>
  `{ ${many(count, (at) => `a${String(at)}: workspaces { id }`)} }`;
const wide = `{ workspaces { ${many(10_000, (at) => `a${String(at)}: id`)} } }`;
const doubling = `{ workspaces { ...f0 } } ${many(
  40,
  (at) => `fragment f${String(at)} on workspaces { ...f${String(at + 1)} ...f${String(at + 1)} }`,
)} fragment f40 on workspaces { id }`;
const circular =
  "{ workspaces { ...a } } fragment a on workspaces { id ...b } fragment b on workspaces { ...a }";
const itself = "{ ...a } fragment a on query_root { workspaces { id } ...a }";
const brackets = `{ workspaces(where: ${"[".repeat(400_000)}) { id } }`;

const ask = async (
  url: string,
  body: object,
): Promise<{ readonly status: number; readonly codes: readonly unknown[]; readonly body: unknown }> => {
  const { status, text } = await postRaw(url, [["authorization", authorization]], JSON.stringify(body));
  const parsed = JSON.parse(text) as unknown;
  const answers = (Array.isArray(parsed) ? parsed : [parsed]) as {
    errors?: { extensions: { code: unknown } }[];
  }[];
  return {
    status,
    codes: [...new Set(answers.map(({ errors }) => errors?.[0]?.extensions.code))],
    body: parsed,
  };
};

const serves = async (url: string): Promise<void> => {
  expect((await ask(url, { query: "{ workspaces { id } }" })).body).toEqual({
    data: { workspaces: [{ id: mine.workspaceId }] },
  });
};

describe.each(doorKinds)("by the %s engine alone", (kind) => {
  it.each([
    ["selections in ten thousand levels", deep],
    ["fragments that use each other twice", doubling],
    ["fragments that use each other in a circle", circular],
    ["a fragment that uses itself", itself],
    ["brackets that nobody closes", brackets],
  ])("%s are refused", async (_, query) => {
    const { url } = open.doors[kind];
    expect(await ask(url, { query })).toMatchObject({ status: 200, codes: ["validation-failed"] });
    await serves(url);
  });

  it("more fields than a row of Postgres has columns end in Hasura's words, without those of Postgres", async () => {
    const { url } = open.doors[kind];
    for (const query of [rootFields(2_500), wide]) {
      expect(await ask(url, { query })).toEqual({
        status: 200,
        codes: ["unexpected"],
        body: {
          errors: [{ message: "database query error", extensions: { path: "$", code: "unexpected" } }],
        },
      });
    }
    await serves(url);
  });

  it("a value of nine hundred kilobytes is a value, one of ten thousand levels is refused", async () => {
    const { url } = open.doors[kind];
    const named = "query ($name: String!) { workspaces(where: {name: {_eq: $name}}) { id } }";
    expect((await ask(url, { query: named, variables: { name: "x".repeat(900_000) } })).body).toEqual({
      data: { workspaces: [] },
    });
    const nested = `{"query":"query ($where: workspaces_bool_exp!) { workspaces(where: $where) { id } }","variables":{"where":${'{"_not":'.repeat(10_000)}{}${"}".repeat(10_000)}}}`;
    const { status, text } = await postRaw(url, [["authorization", authorization]], nested);
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      { errors: [{ extensions: { code: "validation-failed" } }] },
    ]);
    await serves(url);
  });

  it("a batch of a thousand is a thousand answers", async () => {
    const { url } = open.doors[kind];
    const { body } = await ask(
      url,
      Array.from({ length: 1_000 }, () => ({ query: "{ workspaces { id } }" })),
    );
    expect(body).toHaveLength(1_000);
    await serves(url);
  });
});

describe.each(doorKinds)("in front of the %s engine, by what they weigh,", (kind) => {
  it.each([
    ["ten thousand root fields", rootFields(10_000), "rate-limited", 429],
    ["fragments that unfold to millions", doubling, "rate-limited", 429],
    ["selections in ten thousand levels", deep, "depth-limit-exceeded", undefined],
  ])("%s are refused", async (_, query, code, status) => {
    const { url } = limited.doors[kind];
    const answer = await ask(url, { query });
    expect(answer.codes).toEqual([code]);
    if (status !== undefined) expect(answer.status).toBe(status);
    await serves(url);
  });

  it("batches are refused by their length, and by the sum of their documents", async () => {
    const { url } = limited.doors[kind];
    const long = Array.from({ length: 1_501 }, () => ({ query: "{ workspaces { id } }" }));
    const first = await ask(url, long);
    expect(first.codes).toEqual(["batch-limit-exceeded"]);
    const heavy = Array.from({ length: 1_000 }, () => ({
      query: rootFields(20),
    }));
    const second = await ask(url, heavy);
    expect([second.status, ...second.codes]).toEqual([429, "rate-limited"]);
    // A refusal is not to be many times as long as what it refuses.
    expect(second.body).toHaveLength(100);
    await serves(url);
  });
});
