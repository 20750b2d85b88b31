import { randomUUID } from "node:crypto";
import { AppError, type Clock, createCombiner, type Database, type QueueMeter } from "../../core/index.ts";
import { limits } from "./limits.ts";
import { parseEvent } from "./parse-event.ts";
import { storeEvents, type StoreOutcome } from "./store-events.ts";
import {
  type EventOutcome,
  type EventRecord,
  type EventShape,
  type Invalid,
  type TrackCaller,
  type TrackReport,
} from "./types.ts";

export interface TrackerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly meter?: QueueMeter | undefined;
}

export interface TrackOptions {
  /** Events without an id get one of it, so that the same request sent again is recognised. */
  readonly idempotencyKey?: string | undefined;
  readonly shape?: EventShape;
}

export interface Tracker {
  /**
   * Stores the good ones of a batch and says what became of each. Durable when answered; sent again, nothing is stored
   * twice. Throws for a batch that is too long, and `unavailable` for an outage, after which it is safe to send again.
   */
  track(caller: TrackCaller, events: readonly unknown[], options?: TrackOptions): Promise<TrackReport>;
}

/** From here on a batch is worth its own commit. */
const combinedBelow = 100;

const refusals: Readonly<Record<Exclude<StoreOutcome, "accepted" | "duplicate">, Invalid>> = {
  "workspace-forbidden": {
    code: "workspace-forbidden",
    path: "",
    message: "there is no such workspace for this caller",
  },
  "time-out-of-range": {
    code: "time-out-of-range",
    path: "timestamp",
    message: "older than events are kept, or more than a day ahead",
  },
  unstorable: { code: "unstorable", path: "", message: "the database cannot hold this event" },
};

const outcomeOf = (index: number, id: string, stored: StoreOutcome): EventOutcome =>
  stored === "accepted" || stored === "duplicate"
    ? { index, id, status: stored }
    : { index, id, status: "invalid", ...refusals[stored] };

const isUuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/iu;

export const createTracker = ({ database, clock, meter }: TrackerDeps): Tracker => {
  const call = async (
    requests: readonly (readonly EventRecord[])[],
  ): Promise<readonly (readonly StoreOutcome[])[]> => {
    const outcomes = await storeEvents(database, requests.flat());
    let from = 0;
    return requests.map((records) => outcomes.slice(from, (from += records.length)));
  };
  // Small requests share a commit; their events are of any workspaces.
  const small = createCombiner({
    what: "events",
    meter,
    call,
    laneOf: () => "small",
    clock,
    limits: { maxBatch: 256, maxCalls: 1 },
  });
  let number = 0;
  const large = createCombiner({
    what: "lists of events",
    meter,
    call,
    laneOf: () => String((number += 1)),
    clock,
    limits: { maxBatch: 1, maxCalls: 4, maxWaiting: 256 },
  });
  return {
    track: async (caller, events, { idempotencyKey, shape } = {}) => {
      if (!isUuid.test(caller.workspaceId) || (caller.userId !== null && !isUuid.test(caller.userId)))
        throw new AppError({
          kind: "forbidden",
          code: "workspace-forbidden",
          message: "the caller's workspace and person must be uuids",
        });
      if (events.length > limits.eventsPerBatch)
        throw new AppError({
          kind: "invalid-input",
          code: "batch-too-large",
          message: `a batch may have ${String(limits.eventsPerBatch)} events`,
        });
      const outcomes: EventOutcome[] = [];
      const records: EventRecord[] = [];
      const places: number[] = [];
      events.forEach((event, index) => {
        const parsed = parseEvent(
          event,
          caller,
          () => (idempotencyKey === undefined ? randomUUID() : `${idempotencyKey}:${String(index)}`),
          shape,
        );
        if (parsed.ok) {
          records.push(parsed.value);
          places.push(index);
        } else outcomes[index] = { index, id: parsed.id, status: "invalid", ...parsed.invalid };
      });
      if (records.length > 0) {
        const stored = await (records.length < combinedBelow ? small : large).ask(records);
        records.forEach(({ eventId }, position) => {
          const index = places[position] ?? 0;
          outcomes[index] = outcomeOf(index, eventId, stored[position] ?? "unstorable");
        });
      }
      const count = (status: EventOutcome["status"]): number =>
        outcomes.filter((outcome) => outcome.status === status).length;
      return {
        accepted: count("accepted"),
        duplicates: count("duplicate"),
        invalid: count("invalid"),
        outcomes,
      };
    },
  };
};
