import { randomUUID } from "node:crypto";

import { systemClock } from "../src/core/index.ts";
import {
  copyEvents,
  createTracker,
  eventKey,
  type EventRecord,
  eventRows,
  parseEvent,
  storeEvents,
  type TrackCaller,
} from "../src/domain/analytics/index.ts";
import { batchSize, checkStoredOnce, fillIngestData, type IngestData, makeEvent } from "./ingest/events.ts";
import {
  atLeast,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  withBenchDatabase,
} from "./support/index.ts";

const durationMs = 2_000;
const rounds = 7;
const workspaces = 50;

const plain = "copy into plain partitions";
const keyed = "copy into partitions with the events' primary key";
const once = "stored once";
const checked = "checked, stored once";

interface Sample {
  readonly eventsPerSecond: number;
  readonly nodeUs: number;
}

/** Batches of clients until time is up. `work` says how many events it has stored. */
const runFor = async (clients: number, work: () => Promise<number>): Promise<Sample> => {
  const from = performance.now();
  const cpu = process.cpuUsage();
  let events = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - from < durationMs) {
      // Not in one expression: that would read the sum before the wait and lose what other clients add meanwhile.
      const stored = await work();
      events += stored;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const used = process.cpuUsage(cpu);
  return {
    eventsPerSecond: (events * 1_000) / (performance.now() - from),
    nodeUs: (used.user + used.system) / events,
  };
};

interface Batches {
  readonly caller: () => TrackCaller;
  readonly events: () => readonly object[];
  /** When the next batch happens: batches lie on both sides of the turn of a month. */
  readonly now: () => number;
}

const batchesOf = ({ workspaceIds, userId, turnOfMonth }: IngestData): Batches => {
  let number = 0;
  const now = (): number => turnOfMonth + (number % 2 === 0 ? 1 : -1) * (number + 1) * 20_000;
  return {
    now,
    caller: () => ({ workspaceId: workspaceIds[(number += 1) % workspaceIds.length] ?? "", userId }),
    events: () => Array.from({ length: batchSize }, (_, index) => makeEvent(now(), index)),
  };
};

/** P7: events that are recognised over all months, against the same rows copied into partitions that recognise nothing. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("ingest", { maxConnections: 16 }, async ({ database, version }) => {
    const data = await fillIngestData(database, workspaces);
    const batches = batchesOf(data);
    const tracker = createTracker({ database, clock: systemClock });
    let accepted = 0;
    let last: { readonly caller: TrackCaller; readonly events: readonly object[] } | undefined;

    /** Checked before the time runs: neither side of the goal pays for that. The side that stores once pays for its keys. */
    const templates = batches.events().map((event) => {
      const parsed = parseEvent(event, { workspaceId: "", userId: data.userId }, randomUUID);
      if (!parsed.ok) throw new Error(parsed.invalid.message);
      return parsed.value;
    });
    const records = (keyOf: (source: string, id: string) => string): readonly EventRecord[] => {
      const { workspaceId } = batches.caller();
      const now = batches.now();
      return templates.map((template, index) => {
        const eventId = randomUUID();
        return {
          ...template,
          workspaceId,
          eventId,
          key: keyOf(template.source, eventId),
          occurredAt: new Date(now - index * 10).toISOString(),
        };
      });
    };
    const copy = (table: string) => async (): Promise<number> => {
      const rows = eventRows(
        records(() => randomUUID()),
        new Date().toISOString(),
      );
      await database.transaction((tx) => tx.copy(copyEvents.replace("analytics.events", table), rows));
      return batchSize;
    };
    const store = async (): Promise<number> => {
      const outcomes = await storeEvents(database, records(eventKey));
      const stored = outcomes.filter((outcome) => outcome === "accepted").length;
      if (stored !== batchSize)
        throw new Error(`${String(stored)} of ${String(batchSize)} events were stored`);
      accepted += stored;
      return stored;
    };
    const track = async (): Promise<number> => {
      last = { caller: batches.caller(), events: batches.events() };
      const report = await tracker.track(last.caller, last.events);
      if (report.accepted !== batchSize) throw new Error(`${String(report.accepted)} events were accepted`);
      accepted += report.accepted;
      return report.accepted;
    };
    const works: Readonly<Record<string, () => Promise<number>>> = {
      [plain]: copy("bench.plain"),
      [keyed]: copy("bench.keyed"),
      [once]: store,
      [checked]: track,
    };
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    for (const clients of [4, 16]) {
      const measured = await interleave(
        Object.entries(works).map(([name, work]) => ({ name, measure: () => runFor(clients, work) })),
        {
          rounds,
          onRound: (round) => {
            context.log(`${String(clients)} clients: round ${String(round)} of ${String(rounds)}`);
          },
        },
      );
      const speed = (sample: Sample): number => sample.eventsPerSecond;
      for (const name of Object.keys(works))
        rows.push({
          clients,
          way: name,
          eventsPerSecond: measured.median(name, speed),
          toPlain: measured.ratio(name, plain, speed),
          toKeyed: measured.ratio(name, keyed, speed),
          nodeUsPerEvent: measured.median(name, ({ nodeUs }) => nodeUs),
        });
      goals.push(
        atLeast(
          "P7",
          `${once} to ${plain}, ${String(clients)} clients`,
          0.75,
          measured.ratio(once, plain, speed),
        ),
      );
    }
    await resend(tracker, last);
    await checkStoredOnce(database, accepted);
    return { rows, goals, machine: { postgres: version, batch: batchSize } };
  });

const resend = async (
  tracker: ReturnType<typeof createTracker>,
  last: { readonly caller: TrackCaller; readonly events: readonly object[] } | undefined,
): Promise<void> => {
  if (last === undefined) throw new Error("nothing was tracked");
  const report = await tracker.track(last.caller, last.events);
  if (report.duplicates !== last.events.length)
    throw new Error("a batch that was sent again was stored again");
};
