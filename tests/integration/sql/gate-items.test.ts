import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { askOne, createWorkspace, type Decision, usedOf } from "./gate-support.ts";

interface ListDecision extends Decision {
  readonly items: readonly Decision[];
}

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database, "starter");
});

const list = async (
  op: string,
  items: unknown,
  rest: Readonly<Record<string, unknown>> = {},
): Promise<ListDecision> =>
  (await askOne(test.database, { op, workspaceId, items, ...rest })) as ListDecision;

const item = (metric: string, amount?: number) => ({ metric, amount });

describe("several metrics in one request", () => {
  it("uses all of them", async () => {
    const decision = await list("consume", [
      item("ai_queries"),
      item("ai_seconds", 30),
      item("ai_cost_micro_usd", 500),
    ]);
    expect(decision).toMatchObject({
      allowed: true,
      items: [
        { allowed: true, metric: "ai_queries", granted: 1, used: 1 },
        { allowed: true, metric: "ai_seconds", granted: 30, used: 30 },
        { allowed: true, metric: "ai_cost_micro_usd", granted: 500, used: 500 },
      ],
    });
  });

  it("uses none where one does not fit, and says which", async () => {
    const decision = await list("consume", [item("ai_queries", 5), item("ai_seconds", 6001)]);
    expect(decision).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      metric: "ai_seconds",
      items: [
        { allowed: true, metric: "ai_queries", granted: 0, used: 0 },
        { allowed: false, metric: "ai_seconds", granted: 0, limit: 6000 },
      ],
    });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
  });

  it("holds all or none, each under its own reservation", async () => {
    const held = await list("reserve", [item("ai_queries", 5), item("storage_bytes", 1000)]);
    expect(held.items.map(({ reservationId }) => typeof reservationId)).toEqual(["string", "string"]);
    const [first] = held.items;
    expect(
      await askOne(test.database, {
        op: "commit",
        workspaceId,
        reservationId: first?.reservationId,
        amount: 2,
      }),
    ).toMatchObject({ allowed: true, used: 2, reserved: 0 });
    const refused = await list("reserve", [item("ai_queries", 1), item("storage_bytes", 9_000_000_000_000)]);
    expect(refused).toMatchObject({ allowed: false, metric: "storage_bytes" });
    expect(refused.items.map(({ reservationId }) => reservationId)).toEqual([null, null]);
    const [row] = await test.database.query<{ held: string }>(
      "select count(*) as held from usage.reservations where workspace_id = $1 and status = 'held'",
      [workspaceId],
    );
    expect(row?.held).toBe("1");
  });

  it("answers a key again, whatever the order of the items, and refuses other content", async () => {
    const key = { idempotencyKey: "several" };
    const first = await list("consume", [item("ai_queries", 2), item("ai_seconds", 3)], key);
    expect(await list("consume", [item("ai_seconds", 3), item("ai_queries", 2)], key)).toEqual(first);
    expect(await list("consume", [item("ai_queries", 2), item("ai_seconds", 4)], key)).toMatchObject({
      allowed: false,
      reason: "idempotency-conflict",
    });
    expect(await list("consume", [item("ai_queries", 2)], key)).toMatchObject({
      reason: "idempotency-conflict",
    });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(2);
  });

  it.each([
    ["no items", []],
    ["more than 32", Array.from({ length: 33 }, (_, i) => item(`m${String(i)}`))],
    ["a metric twice", [item("ai_queries"), item("ai_queries")]],
    ["a negative amount", [item("ai_queries", -1)]],
    ["an amount of zero", [item("ai_queries"), item("ai_seconds", 0)]],
    ["an item that is no object", ["ai_queries"]],
    ["something else than a list", { metric: "ai_queries" }],
  ])("refuses %s", async (_, items) => {
    expect(await list("consume", items)).toMatchObject({ allowed: false, reason: "invalid-input" });
  });

  it("refuses items beside a metric, in a commit, or in parts", async () => {
    const items = [item("ai_queries")];
    for (const rest of [{ metric: "ai_seconds" }, { amount: 1 }, { partial: true }]) {
      expect(await list("consume", items, rest)).toMatchObject({ allowed: false, reason: "invalid-input" });
    }
    expect(await list("commit", items)).toMatchObject({ allowed: false, reason: "invalid-input" });
  });

  it("refuses all for an unknown or row-fed metric among them", async () => {
    expect(await list("consume", [item("ai_queries"), item("nothing")])).toMatchObject({
      reason: "unknown-metric",
    });
    expect(await list("consume", [item("ai_queries"), item("messages")])).toMatchObject({
      reason: "row-metered",
    });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
  });

  it("lets sixteen clients with items in any order pass without a deadlock, to the unit", async () => {
    const metrics = ["ai_queries", "ai_seconds", "ai_cost_micro_usd"];
    const answers = await Promise.all(
      Array.from({ length: 96 }, (_, i) =>
        list(
          "consume",
          metrics.map((__, j) => item(metrics[(i + j) % 3] ?? "", 90)),
        ),
      ),
    );
    const granted = answers.filter(({ allowed }) => allowed).length;
    expect(granted).toBe(11);
    for (const metric of metrics) expect(await usedOf(test.database, workspaceId, metric)).toBe(990);
  });
});

describe("as much as is left", () => {
  const partly = (amount: number, op = "consume") =>
    askOne(test.database, { op, workspaceId, metric: "ai_queries", amount, partial: true });

  it("gives the rest, and refuses only when nothing is left", async () => {
    expect(await partly(990)).toMatchObject({ allowed: true, amount: 990, granted: 990 });
    expect(await partly(50, "check")).toMatchObject({ allowed: true, amount: 50, granted: 10, used: 990 });
    expect(await partly(50)).toMatchObject({
      allowed: true,
      amount: 50,
      granted: 10,
      used: 1000,
      remaining: 0,
    });
    expect(await partly(1)).toMatchObject({ allowed: false, reason: "usage-limit-exceeded", granted: 0 });
  });

  it("holds the rest", async () => {
    const held = await partly(5000, "reserve");
    expect(held).toMatchObject({ allowed: true, granted: 1000, reserved: 1000, remaining: 0 });
    expect(
      await askOne(test.database, { op: "commit", workspaceId, reservationId: held.reservationId }),
    ).toMatchObject({ allowed: true, used: 1000 });
  });

  it("gives exactly the limit to many at once", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => partly(37)));
    expect(answers.reduce((sum, { granted }) => sum + (granted ?? 0), 0)).toBe(1000);
    expect(answers.filter(({ granted }) => granted === 1000 % 37)).toHaveLength(1);
  });

  it("is part of the content of a key", async () => {
    const asked = { op: "consume", workspaceId, metric: "ai_queries", amount: 5, idempotencyKey: "part" };
    await askOne(test.database, { ...asked, partial: true });
    expect(await askOne(test.database, asked)).toMatchObject({ reason: "idempotency-conflict" });
  });
});
