import { describe, expect, it } from "@jest/globals";
import { AppError, type Queryable, silentLogger } from "../../../../src/core/index.ts";
import { type ApiCall, createApiCallRollup } from "../../../../src/domain/api-calls/index.ts";
import { createTestClock } from "../../../../src/testing/index.ts";

const workspaceId = "00000000-0000-4000-8000-000000000001";

const call = (given: Partial<ApiCall> = {}): ApiCall => ({
  workspaceId,
  userId: "00000000-0000-4000-8000-00000000000A",
  apiKeyId: undefined,
  operation: "List",
  role: "user",
  protocol: "http",
  status: 200,
  code: undefined,
  units: 1,
  isRefused: false,
  at: new Date("2026-11-24T15:59:59.999Z"),
  latencyMs: 4.4,
  bytesIn: 10,
  bytesOut: 100,
  ...given,
});

interface Write {
  readonly id: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const setUp = (settings: object = {}) => {
  const writes: Write[] = [];
  const failures: unknown[] = [];
  const clock = createTestClock("2026-11-24T16:00:00Z");
  const database: Queryable = {
    query: (_text, values = []) => {
      writes.push({ id: String(values[0]), rows: JSON.parse(String(values[1])) as Write["rows"] });
      const failure = failures.shift();
      return failure === undefined ? Promise.resolve([]) : Promise.reject(failure as Error);
    },
  };
  return {
    rollup: createApiCallRollup({ database, clock, logger: silentLogger, settings }),
    writes,
    failures,
    clock,
  };
};

const outage = new AppError({ kind: "unavailable", code: "database-unavailable", message: "away" });

describe("the rollup of API calls", () => {
  it("writes a quarter of a second's calls in one statement", async () => {
    const { rollup, writes, clock } = setUp();
    rollup.record(call());
    rollup.record(call({ latencyMs: 20, status: 500, code: "unexpected" }));
    rollup.record(call({ latencyMs: 9, isRefused: true, status: 429, code: "rate-limited", units: 3 }));
    rollup.record(call());
    clock.advance({ milliseconds: 249 });
    expect(writes).toEqual([]);
    clock.advance({ milliseconds: 1 });
    await rollup.flush();
    expect(writes).toHaveLength(1);
    expect(writes[0]?.rows).toMatchObject([
      {
        hour: "2026-11-24T15:00:00.000Z",
        user_id: "00000000-0000-4000-8000-00000000000a",
        operation: "List",
        count: 2,
        refused: 0,
        errors: 0,
        latency_ms_sum: 8,
        bytes_out: 200,
      },
      { status: 500, code: "unexpected", count: 1, errors: 1, latency_ms_min: 20, latency_ms_max: 20 },
      { status: 429, code: "rate-limited", count: 0, refused: 3, errors: 0 },
    ]);
  });

  it("sends a batch again under its own id until it is written, and nothing twice in two batches", async () => {
    const { rollup, writes, failures, clock } = setUp();
    failures.push(outage, outage);
    rollup.record(call());
    await expect(rollup.flush()).rejects.toBe(outage);
    rollup.record(call({ operation: "Later" }));
    await expect(rollup.flush()).rejects.toBe(outage);
    clock.advance({ milliseconds: 250 });
    await rollup.stop();
    expect(writes.map(({ id, rows }) => [id === writes[0]?.id, rows.map((row) => row["operation"])])).toEqual(
      [
        [true, ["List"]],
        [true, ["List"]],
        [true, ["List"]],
        [false, ["Later"]],
      ],
    );
  });

  it("gives a batch up that the database refuses again and again, not one that it cannot hear", async () => {
    const { rollup, writes, failures } = setUp({ maxTries: 2 });
    failures.push(outage, new Error("no"), new Error("no"));
    rollup.record(call());
    for (const _ of [1, 2, 3]) await expect(rollup.flush()).rejects.toThrow();
    rollup.record(call({ operation: "Next" }));
    await rollup.flush();
    expect(writes.at(-1)?.rows).toMatchObject([{ operation: "Next" }]);
    expect(writes).toHaveLength(4);
  });

  it("tells a bounded number of names apart, whatever clients send", async () => {
    const { rollup, writes } = setUp({ maxOperations: 3, maxRows: 6 });
    for (let n = 0; n < 10; n += 1) rollup.record(call({ operation: `Op${String(n)}` }));
    rollup.record(call({ operation: "Op1" }));
    rollup.record(call({ operation: undefined }));
    for (let n = 0; n < 10; n += 1)
      rollup.record(
        call({ operation: undefined, userId: `00000000-0000-4000-8000-0000000001${String(10 + n)}` }),
      );
    rollup.record(call({ workspaceId: "not a workspace" }));
    await rollup.flush();
    const rows = writes[0]?.rows ?? [];
    expect(rows.map((row) => [row["operation"], row["count"]])).toEqual([
      ["Op0", 1],
      ["Op1", 2],
      ["Op2", 1],
      ["(other)", 7],
      [null, 1],
      [null, 1],
      ["(other)", 9],
    ]);
    expect(rows.at(-1)).toMatchObject({ user_id: null });
  });

  it("takes out of texts what a database refuses", async () => {
    const { rollup, writes } = setUp();
    rollup.record(call({ role: "a\u0000b", code: "c\nd", userId: "someone", operation: "x".repeat(300) }));
    await rollup.flush();
    expect(writes[0]?.rows).toMatchObject([
      { role: "ab", code: "cd", user_id: null, operation: "x".repeat(100) },
    ]);
  });
});
