import {
  type Clock,
  createCombiner,
  type Logger,
  type Queryable,
  type QueueMeter,
} from "../../core/index.ts";
import { createLease, defaultLeaseSettings, type Lease, type LeaseSettings } from "./lease.ts";
import { type DrawAnswer, type DrawRequest, type LeaseDecision } from "./types.ts";

export interface LeasesDeps {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this process in the database: unique among those that run. */
  readonly holder: string;
  readonly settings?: Partial<LeaseSettings>;
  readonly meter?: QueueMeter | undefined;
}

export interface Leases {
  /** Whether the metric is marked `leased`; read at first use and again each minute. */
  isLeased(metric: string): boolean | Promise<boolean>;
  /**
   * Uses an amount of a leased metric: exact and durable, mostly without the database. A denial is an answer; an outage is
   * thrown, and only when the units in memory do not suffice.
   */
  take(workspaceId: string, metric: string, amount: number): LeaseDecision | Promise<LeaseDecision>;
  /** Takes back what a decision let through and nobody used after all. */
  putBack(workspaceId: string, metric: string, amount: number, decision: LeaseDecision): void;
  /** Gives everything back. A take afterwards draws anew and is given back when idle no more: stop the callers first. */
  stop(): Promise<void>;
}

const metricsAgeMs = 60_000;
/** Statements under way; what comes meanwhile gathers for the next of its half. Fewer wait longer, more share less. */
const concurrentDraws = 2;

const drawSql = `
select usage.draw_lease(asked.request) as answer
from jsonb_array_elements($1::jsonb) with ordinality as asked (request, n)
order by asked.n
`;

const keyOf = ({ workspaceId, metric }: DrawRequest): string => `${workspaceId.toLowerCase()} ${metric}`;

/** The leases of a process, one for each workspace and metric in use. */
export const createLeases = (deps: LeasesDeps): Leases => {
  const { database, clock, logger, holder } = deps;
  const settings = { ...defaultLeaseSettings, ...deps.settings };
  const leases = new Map<string, Lease>();
  let cancelSweep: (() => void) | undefined;

  // A workspace that asks now and then draws for each of its requests; with a thousand of those the commits would be the
  // price, so that draws which come while others are under way go together, in one.
  const draws = createCombiner<DrawRequest, DrawAnswer>({
    what: "lease draw",
    meter: deps.meter,
    call: async (requests) => {
      // Counters are locked in key order wherever several are.
      const ordered = [...requests].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
      const rows = await database.query<{ answer: DrawAnswer }>(drawSql, [JSON.stringify(ordered)], {
        name: "usage_draw_leases",
      });
      if (rows.length !== requests.length)
        throw new Error("usage.draw_lease gave fewer answers than asked for");
      const answers = new Map(ordered.map((request, at) => [request, rows[at]?.answer]));
      return requests.map((request) => answers.get(request) as DrawAnswer);
    },
    laneOf: ({ workspaceId }) => String(Number.parseInt(workspaceId.slice(-1), 16) % concurrentDraws),
    clock,
    limits: { maxCalls: concurrentDraws },
  });
  const draw = (request: DrawRequest): Promise<DrawAnswer> => draws.ask(request);

  let leased: ReadonlySet<string> | undefined;
  let readAtMs = 0;
  let reading: Promise<ReadonlySet<string>> | undefined;
  const readMetrics = (): Promise<ReadonlySet<string>> => {
    reading ??= database
      .query<{ key: string }>("select key from usage.metrics where leased")
      .then((rows) => {
        readAtMs = clock.now().getTime();
        leased = new Set(rows.map(({ key }) => key));
        return leased;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };

  const giveBack = async (lease: Lease): Promise<void> => {
    try {
      await lease.giveBack();
    } catch (error) {
      // What it held comes back by its time, what it had counted stays counted.
      logger.warn({ err: error }, "a lease was not given back");
    }
  };

  const sweepLater = (): void => {
    cancelSweep = clock.schedule(settings.idleMs, () => {
      cancelSweep = undefined;
      const nowMs = clock.now().getTime();
      for (const [name, lease] of leases) {
        if (!lease.isIdle(nowMs)) continue;
        leases.delete(name);
        void giveBack(lease);
      }
      if (leases.size > 0) sweepLater();
    });
  };

  return {
    isLeased: (metric) => {
      if (leased === undefined) return readMetrics().then((metrics) => metrics.has(metric));
      if (clock.now().getTime() - readAtMs >= metricsAgeMs)
        readMetrics().catch((error: unknown) => logger.warn({ err: error }, "leased metrics were not read"));
      return leased.has(metric);
    },
    take: (workspaceId, metric, amount) => {
      const name = `${workspaceId} ${metric}`;
      let lease = leases.get(name);
      if (lease === undefined) {
        lease = createLease({
          workspaceId,
          metric,
          holder,
          clock,
          settings,
          draw,
          onError: (error) => logger.warn({ err: error }, "a lease was not drawn ahead"),
        });
        leases.set(name, lease);
        if (cancelSweep === undefined) sweepLater();
      }
      return lease.take(amount);
    },
    putBack: (workspaceId, metric, amount, decision) => {
      leases.get(`${workspaceId} ${metric}`)?.putBack(amount, decision);
    },
    stop: async () => {
      cancelSweep?.();
      cancelSweep = undefined;
      const open = [...leases.values()];
      leases.clear();
      await Promise.all(open.map(giveBack));
    },
  };
};
