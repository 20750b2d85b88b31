import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import type { WebhookClient } from "../../../src/engine/actions/index.ts";
import type { CronTriggerMeta } from "../../../src/engine/metadata/types.ts";
import { createCronScheduler, type CronScheduler } from "../../../src/engine/triggers/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const trigger: CronTriggerMeta = {
  name: "tidy",
  webhook: "http://127.0.0.1:1/cron/tidy",
  schedule: "0 * * * *",
  includeInMetadata: true,
  payload: { deep: true },
  headers: [],
  comment: "every hour",
  retry: { numRetries: 1, intervalSeconds: 10, timeoutSeconds: 5, toleranceSeconds: 21_600 },
};

interface Delivery {
  readonly id: string;
  readonly name: string;
  readonly scheduled_time: string;
}

let test: TestDatabase;
let now: Date;
let deliveries: Delivery[];
let answer: () => Response;
const clock = { now: () => now, schedule: () => () => undefined };
const client: WebhookClient = async (_, request) => {
  deliveries.push(JSON.parse(request.body) as Delivery);
  return answer();
};
const ok = (): Response => new Response("{}");

const scheduler = async (triggers: readonly CronTriggerMeta[] = [trigger]): Promise<CronScheduler> => {
  const made = await createCronScheduler({
    database: test.database,
    clock,
    logger: silentLogger,
    client,
    environment: {},
  });
  await made.install(triggers);
  return made;
};

const states = async (): Promise<Record<string, number>> => {
  const rows = await test.database.query<{ status: string; count: number }>(
    "select status, count(*)::int as count from hdb_catalog.hdb_cron_events group by status",
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.count]));
};

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
});
afterAll(() => test.drop());
beforeEach(async () => {
  now = new Date("2026-03-01T00:30:00Z");
  deliveries = [];
  answer = ok;
  await test.database.query("drop schema if exists hdb_catalog cascade");
});

describe("cron triggers", () => {
  it("keeps a hundred events ahead and delivers each once, when it is due", async () => {
    const cron = await scheduler();
    expect(await states()).toEqual({ scheduled: 100 });
    expect(await cron.process()).toBe(0);
    now = new Date("2026-03-01T01:00:05Z");
    expect(await cron.process()).toBe(1);
    expect(await cron.process()).toBe(0);
    expect(deliveries).toEqual([
      {
        id: expect.any(String),
        name: "tidy",
        scheduled_time: "2026-03-01T01:00:00Z",
        payload: { deep: true },
        comment: "every hour",
      },
    ]);
    await cron.generate();
    expect(await states()).toEqual({ scheduled: 100, delivered: 1 });
  });

  it("delivers all that was missed within the tolerance; older ones are dead", async () => {
    await scheduler();
    now = new Date("2026-03-01T09:30:00Z");
    const restarted = await scheduler();
    expect(await restarted.process()).toBe(9);
    expect(deliveries.map((delivery) => delivery.scheduled_time.slice(11, 13)).sort()).toEqual([
      "04",
      "05",
      "06",
      "07",
      "08",
      "09",
    ]);
    expect(await states()).toMatchObject({ dead: 3, delivered: 6 });
  });

  it("tries again after the interval with the same id, then gives up", async () => {
    const cron = await scheduler();
    answer = () => new Response("{}", { status: 500 });
    now = new Date("2026-03-01T01:00:00Z");
    expect(await cron.process()).toBe(1);
    expect(await cron.process()).toBe(0);
    now = new Date("2026-03-01T01:00:10Z");
    expect(await cron.process()).toBe(1);
    expect(await states()).toMatchObject({ error: 1 });
    expect(new Set(deliveries.map((delivery) => delivery.id)).size).toBe(1);
    const [log] = await test.database.query<{ count: number }>(
      "select count(*)::int as count from hdb_catalog.hdb_cron_event_invocation_logs where status = 500",
    );
    expect(log?.count).toBe(2);
  });

  it("waits as long as Retry-After says, even when the tries are used up", async () => {
    const cron = await scheduler([{ ...trigger, retry: { ...trigger.retry, numRetries: 0 } }]);
    answer = () => new Response("{}", { status: 503, headers: { "retry-after": "120" } });
    now = new Date("2026-03-01T01:00:00Z");
    await cron.process();
    now = new Date("2026-03-01T01:01:59Z");
    expect(await cron.process()).toBe(0);
    answer = ok;
    now = new Date("2026-03-01T01:02:00Z");
    expect(await cron.process()).toBe(1);
    expect(await states()).toMatchObject({ delivered: 1 });
  });

  it("sets rows that a crashed engine locked back at the start", async () => {
    await scheduler();
    now = new Date("2026-03-01T01:00:05Z");
    await test.database.query(
      "update hdb_catalog.hdb_cron_events set status = 'locked' where scheduled_time <= '2026-03-01T01:00:00Z'",
    );
    expect(await (await scheduler()).process()).toBe(1);
  });

  it("never lets two engines take the same event", async () => {
    const cron = await scheduler();
    const other = await scheduler();
    now = new Date("2026-03-01T03:00:05Z");
    const taken = await Promise.all([cron.process(), other.process(), cron.process(), other.process()]);
    expect(taken.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(deliveries).toHaveLength(3);
  });

  it("makes events anew for a changed schedule and drops those of a removed trigger", async () => {
    const cron = await scheduler([trigger, { ...trigger, name: "gone" }]);
    now = new Date("2026-03-01T00:45:00Z");
    await cron.install([{ ...trigger, schedule: "*/10 * * * *" }]);
    expect(await states()).toEqual({ scheduled: 100 });
    expect(await cron.process()).toBe(0);
    now = new Date("2026-03-01T00:50:00Z");
    expect(await cron.process()).toBe(1);
  });

  it("refuses a schedule by the name of its trigger", async () => {
    await expect(scheduler([{ ...trigger, schedule: "often" }])).rejects.toThrow("cron trigger 'tidy'");
  });
});
