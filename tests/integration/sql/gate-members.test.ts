import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { type Asked, ask, askOne, createWorkspace, type Decision, usedOf } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;
const ada = randomUUID();
const bob = randomUUID();

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database, "pro");
});

const limitMembers = (metric: string, value: number) =>
  test.database.query(
    "insert into billing.member_limits (workspace_id, metric, limit_value) values ($1, $2, $3)",
    [workspaceId, metric, value],
  );
const decide = (op: string, memberId: string | null, fields: Asked = {}): Promise<Decision> =>
  askOne(test.database, {
    op,
    workspaceId,
    ...(op === "commit" || op === "release" || op === "extend" ? {} : { metric: "ai_queries" }),
    memberId,
    ...fields,
  });
const drifts = () => test.database.query("select * from usage.reconcile_members($1, false)", [workspaceId]);

describe("the gate where members are limited", () => {
  it("refuses at the tighter limit, says whose it is, and counts both", async () => {
    await limitMembers("ai_queries", 5);
    await setLimit(test.database, workspaceId, "ai_queries", 8);
    expect(await decide("consume", ada, { amount: 5 })).toMatchObject({
      allowed: true,
      used: 5,
      member: { memberId: ada, used: 5, reserved: 0, limit: 5, remaining: 0 },
    });
    expect(await decide("consume", ada)).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      limitedBy: "member-limit",
      message: "limit of 5 ai_queries per member reached: 5 used, 1 more requested",
      used: 5,
      remaining: 3,
      upgrade: null,
      addOn: null,
      member: { memberId: ada, used: 5, remaining: 0 },
    });
    expect(await decide("consume", bob, { amount: 4 })).toMatchObject({
      allowed: false,
      limitedBy: "override",
      member: { memberId: bob, used: 0, remaining: 5 },
    });
    expect(await decide("consume", bob, { amount: 3 })).toMatchObject({ allowed: true, used: 8 });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(8);
    expect(await drifts()).toEqual([]);
  });

  it("lets whoever is no member use the workspace's, and says nothing of members where none are counted", async () => {
    expect(await decide("consume", ada)).toMatchObject({ allowed: true, member: null });
    await limitMembers("ai_queries", 1);
    expect(await decide("consume", null, { amount: 3 })).toMatchObject({ allowed: true, member: null });
    expect(await decide("consume", ada)).toMatchObject({ allowed: true, used: 5, member: { used: 1 } });
    expect(await decide("consume", "nobody")).toMatchObject({ allowed: false, reason: "invalid-input" });
  });

  it("checks without changing anything, grants a part and takes lists whole", async () => {
    await limitMembers("ai_queries", 4);
    expect(await decide("check", ada, { amount: 5 })).toMatchObject({
      allowed: false,
      limitedBy: "member-limit",
      member: { used: 0, remaining: 4 },
    });
    expect(
      await test.database.query("select from usage.member_counters where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
    expect(await decide("consume", ada, { amount: 6, partial: true })).toMatchObject({
      allowed: true,
      granted: 4,
      member: { used: 4 },
    });
    const items = [
      { metric: "ai_seconds", amount: 2 },
      { metric: "ai_queries", amount: 1 },
    ];
    const list = await askOne(test.database, { op: "consume", workspaceId, items, memberId: ada });
    expect(list).toMatchObject({ allowed: false, metric: "ai_queries", limitedBy: "member-limit" });
    expect(await usedOf(test.database, workspaceId, "ai_seconds")).toBe(0);
  });

  it("holds headroom of the member with a reservation until it is committed, released or over", async () => {
    await limitMembers("ai_queries", 5);
    const held = await decide("reserve", ada, { amount: 3 });
    expect(held).toMatchObject({ allowed: true, member: { used: 0, reserved: 3, remaining: 2 } });
    expect(await decide("consume", ada, { amount: 3 })).toMatchObject({
      allowed: false,
      limitedBy: "member-limit",
    });
    // The member of the hold counts, whoever commits it.
    expect(await decide("commit", bob, { reservationId: held.reservationId, amount: 2 })).toMatchObject({
      allowed: true,
      member: { memberId: ada, used: 2, reserved: 0, remaining: 3 },
    });
    const second = await decide("reserve", ada, { amount: 3 });
    expect(await decide("release", null, { reservationId: second.reservationId })).toMatchObject({
      member: { used: 2, reserved: 0 },
    });
    const third = await decide("reserve", ada, { amount: 3 });
    await test.database.query("update usage.reservations set expires_at = now() where id = $1", [
      third.reservationId,
    ]);
    expect(await decide("consume", ada, { amount: 3 })).toMatchObject({
      allowed: true,
      member: { used: 5, reserved: 0 },
    });
    expect(await drifts()).toEqual([]);
  });

  it("holds headroom for rows, which take it by drawing on the reservation", async () => {
    await test.database.query(
      "insert into public.users (id, email, display_name) values ($1::uuid, $1::text || '@x', '')",
      [ada],
    );
    await limitMembers("storage_bytes", 10);
    const upload =
      "insert into public.files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, 'a', 6)";
    const held = await askOne(test.database, {
      op: "reserve",
      workspaceId,
      memberId: ada,
      metric: "storage_bytes",
      amount: 6,
    });
    expect(held).toMatchObject({ allowed: true, member: { reserved: 6 } });
    await expect(test.database.query(upload, [workspaceId, ada])).rejects.toThrow(
      "limit of 10 B for storage_bytes per member reached: 0 B used, 6 B reserved, 6 B more requested",
    );
    await test.database.transaction(async (tx) => {
      await tx.query("select usage.gate(workspace_id => $1, reservation_id => $2)", [
        workspaceId,
        held.reservationId,
      ]);
      await tx.query(upload, [workspaceId, ada]);
    });
    expect(
      await askOne(test.database, {
        op: "check",
        workspaceId,
        memberId: ada,
        metric: "storage_bytes",
        amount: 5,
      }),
    ).toMatchObject({ allowed: false, limitedBy: "member-limit", member: { used: 6, reserved: 0 } });
  });

  it("answers a repeated key with the first decision and counts the member once", async () => {
    await limitMembers("ai_queries", 5);
    const once = { amount: 2, idempotencyKey: "once" };
    const first = await decide("consume", ada, once);
    expect(await decide("consume", ada, once)).toEqual(first);
    const [one, two] = await ask(
      test.database,
      [1, 2].map(() => ({ op: "consume", workspaceId, metric: "ai_queries", memberId: ada, amount: 2 })),
    );
    expect([one?.allowed, two?.allowed, two?.limitedBy]).toEqual([true, false, "member-limit"]);
    expect(await decide("check", ada)).toMatchObject({ member: { used: 4 } });
  });

  it("is exact for sixteen connections and never lets a member pass", async () => {
    await limitMembers("ai_queries", 20);
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, n) =>
        n % 3 === 2
          ? decide("reserve", n % 2 === 0 ? ada : bob)
          : decide("consume", n % 2 === 0 ? ada : bob, { amount: 1 }),
      ),
    );
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(40);
    expect(new Set(answers.map(({ limitedBy }) => limitedBy))).toEqual(new Set([null, "member-limit"]));
    expect(await drifts()).toEqual([]);
  });

  it("takes the member of usage_gate from the session", async () => {
    await limitMembers("ai_queries", 1);
    const session = JSON.stringify({
      "x-hasura-role": "user",
      "x-hasura-workspace-id": workspaceId,
      "x-hasura-user-id": ada,
    });
    const gate = () =>
      test.database.query("select usage.gate('ai_queries', 1, hasura_session => $1::json)", [session]);
    await gate();
    await expect(gate()).rejects.toThrow("limit of 1 ai_queries per member reached");
  });

  it("keeps leased metrics and limits of members apart", async () => {
    await expect(limitMembers("api_calls", 5)).rejects.toThrow(
      "a leased metric cannot have limits of members",
    );
    await limitMembers("ai_queries", 5);
    await expect(
      test.database.query("update usage.metrics set leased = true where key = 'ai_queries'"),
    ).rejects.toThrow("a leased metric cannot have limits of members");
  });

  it("offers the plan under which a member may have it", async () => {
    await test.database.query(
      "insert into billing.member_limits (plan_id, metric, limit_value) values ('pro', 'ai_queries', 3)",
    );
    await test.database.query(
      "insert into billing.member_limits (plan_id, metric, limit_value) values ('business', 'ai_queries', 9)",
    );
    expect(await decide("check", ada, { amount: 4 })).toMatchObject({ upgrade: { planId: "business" } });
    expect(await decide("check", ada, { amount: 10 })).toMatchObject({ upgrade: { planId: "enterprise" } });
    await test.database.query("delete from billing.member_limits where plan_id is not null");
  });
});

describe("the add-on in a refusal", () => {
  it("is the cheapest that would have allowed it on the present plan, in the quantity that it takes", async () => {
    const free = await createWorkspace(test.database);
    const check = (metric: string, amount: number): Promise<Decision> =>
      askOne(test.database, { op: "check", workspaceId: free, metric, amount });
    expect(await check("ai_queries", 1_101)).toMatchObject({
      upgrade: { planId: "pro", priceCents: 2500 },
      addOn: { addOnId: "ai-queries-1k", quantity: 2, priceCents: 1000 },
    });
    expect(await check("ai_queries", 100)).toMatchObject({ allowed: true, addOn: null });
    expect(await check("bots", 2)).toMatchObject({ allowed: false, addOn: null });
    await test.database.query(
      "insert into billing.subscription_add_ons (workspace_id, add_on_id) values ($1, 'ai-queries-1k')",
      [free],
    );
    // 1,100 with the add-on; starter has 1,000 and would have 2,000 with it.
    expect(await check("ai_queries", 1_101)).toMatchObject({
      limit: 1_100,
      upgrade: { planId: "starter" },
      addOn: { quantity: 1, priceCents: 500 },
    });
    await setLimit(test.database, free, "ai_queries", 4);
    expect(await check("ai_queries", 5)).toMatchObject({ limitedBy: "override", addOn: null });
  });
});

describe("a refusal of the trigger", () => {
  it("carries the decision that the gate would give", async () => {
    const free = await createWorkspace(test.database);
    const [{ answers }] = (await test.database.query<{ answers: readonly Decision[] }>(
      "select usage.gate_many($1::jsonb) as answers",
      [JSON.stringify([{ op: "check", workspaceId: free, metric: "channels", amount: 6 }])],
    )) as [{ answers: readonly Decision[] }];
    const refusal = await test.database
      .query(
        "insert into public.channels (workspace_id, name) select $1, n::text from generate_series(1, 6) n",
        [free],
      )
      .then(
        () => null,
        (error: unknown) => error as { code: string; message: string; detail: string },
      );
    expect(refusal?.code).toBe("23U01");
    expect(JSON.parse(refusal?.detail ?? "{}")).toEqual({ ...answers[0], workspaceId: free });
    expect(refusal?.message).toBe(answers[0]?.message);
  });
});
