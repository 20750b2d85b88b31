import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Transaction } from "../../../src/core/index.ts";
import { formatAmount } from "../../../src/domain/usage/index.ts";
import { readRefusal } from "../../../src/gateway/refusals/read-refusal.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let workspace: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
  workspace = await createWorkspace(test.database);
  await setLimit(test.database, workspace.id, "bots", 1);
  await test.database.query("insert into public.bots (workspace_id, name) values ($1, 'first')", [
    workspace.id,
  ]);
});
afterAll(async () => {
  await test.drop();
});

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly detail: string;
}

/** How one bot too many fails in a transaction with these settings, as Hasura or a console makes them. */
const refusedWith = async (settings: Readonly<Record<string, string>>): Promise<Failure> => {
  const work = async (tx: Transaction): Promise<void> => {
    for (const [name, value] of Object.entries(settings))
      await tx.query("select set_config($1, $2, true)", [name, value]);
    await tx.query("insert into public.bots (workspace_id, name) values ($1, 'second')", [workspace.id]);
  };
  return test.database.transaction(work).then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => error as Failure,
  );
};

const sentence = "limit of 1 bots reached: 1 used, 1 more requested";
const hasura = { "hasura.user": '{"x-hasura-role":"user"}' };

describe("a refused statement", () => {
  it("carries its decision as JSON in DETAIL and a sentence as message", async () => {
    const failure = await refusedWith({});
    expect(failure).toMatchObject({ code: "23U01", message: sentence });
    expect(JSON.parse(failure.detail)).toMatchObject({
      allowed: false,
      code: "usage-limit-exceeded",
      metric: "bots",
      amount: 1,
      used: 1,
      reserved: 0,
      limit: 1,
      remaining: 0,
      workspaceId: workspace.id,
    });
  });

  it("carries the decision behind the sentence too inside a request of Hasura, which drops DETAIL", async () => {
    const { message, detail } = await refusedWith(hasura);
    const read = readRefusal(message);
    expect(read?.message).toBe(sentence);
    const whole = JSON.parse(detail) as Record<string, unknown>;
    expect(read?.decision).toMatchObject({
      reason: "usage-limit-exceeded",
      metric: "bots",
      amount: "1",
      used: "1",
      limit: "1",
      upgrade: whole["upgrade"],
      limitedBy: whole["limitedBy"],
    });
  });

  it("keeps to the sentence where usage.decision_in_message is off", async () => {
    const failure = await refusedWith({ ...hasura, "usage.decision_in_message": "off" });
    expect(failure.message).toBe(sentence);
  });
});

describe("usage.format_amount", () => {
  it.each([
    ["bytes", "0", "0 B"],
    ["bytes", "1023", "1023 B"],
    ["bytes", "1024", "1 KiB"],
    ["bytes", "53687091200", "50 GiB"],
    ["bytes", "53687091199", "49.99 GiB"],
    ["bytes", "314572800", "300 MiB"],
    ["bytes", "9223372036854775807", "8589934591.99 GiB"],
    ["bytes", "-9223372036854775808", "-8589934592 GiB"],
    ["seconds", "0", "0 s"],
    ["seconds", "59", "59 s"],
    ["seconds", "60", "1 min"],
    ["seconds", "90", "1.5 min"],
    ["seconds", "6000", "100 min"],
    ["micro_usd", "0", "$0.00"],
    ["micro_usd", "1", "$0.000001"],
    ["micro_usd", "9990", "$0.00999"],
    ["micro_usd", "10000", "$0.01"],
    ["micro_usd", "-2100", "-$0.0021"],
    ["micro_usd", "500000", "$0.50"],
    ["micro_usd", "-1999999", "-$1.99"],
    ["count", "10000", "10000"],
    ["tokens", "7", "7"],
  ])("shows %s of %s as %s and never rounds up", async (unit, amount, shown) => {
    const [row] = await test.database.query<{ shown: string }>(
      "select usage.format_amount($1::bigint, $2) as shown",
      [amount, unit],
    );
    expect(row?.shown).toBe(shown);
  });

  it("agrees with formatAmount but for the groups of digits and the names of units", async () => {
    const units = ["bytes", "seconds", "micro_usd", "count"];
    const around = (value: bigint): readonly bigint[] => [value - 1n, value, value + 1n, -value];
    const amounts = Array.from({ length: 63 }, (_, power) => around(2n ** BigInt(power)))
      .concat(Array.from({ length: 18 }, (_, power) => around(6n * 10n ** BigInt(power))))
      .flat();
    const rows = await test.database.query<{ amount: string; unit: string; shown: string }>(
      `select amount, unit, usage.format_amount(amount, unit) as shown
       from unnest($1::bigint[]) as amount, unnest($2::text[]) as unit`,
      [amounts.map(String), units],
    );
    expect(rows).toHaveLength(amounts.length * units.length);
    const plain = (text: string): string => text.replaceAll(",", "").replace(/ ([KMG])B$/u, " $1iB");
    for (const { amount, unit, shown } of rows)
      expect([amount, unit, shown]).toEqual([amount, unit, plain(formatAmount(BigInt(amount), unit))]);
  });
});
