import { LRUCache } from "lru-cache";
import { type Clock, type Queryable } from "../../core/index.ts";

/** What a workspace may ask a minute. */
export interface WorkspaceRate {
  /** Null is unlimited. */
  readonly perMinute: number | null;
  readonly planId: string;
  readonly isKnown: boolean;
}

export interface RateLimitsDeps {
  readonly database: Queryable;
  readonly clock: Clock;
  /** Read again behind a request after so long, in case a change was not heard. */
  readonly refreshMs?: number;
}

export interface RateLimits {
  /** From memory where it was asked before; throws when it was not and the database cannot be reached. */
  of(workspaceId: string): WorkspaceRate | Promise<WorkspaceRate>;
  /** Reads again before the next answer: one workspace, or all. */
  forget(workspaceId?: string): void;
}

interface Kept {
  readonly rate: WorkspaceRate;
  readonly readAtMs: number;
  readonly validUntilMs: number;
}

interface StoredRate {
  readonly limit: string | null;
  readonly plan: string;
  readonly known: boolean;
  readonly seconds: number | null;
}

const rateSql = `
select
  limit_per_minute as limit,
  plan_id as plan,
  source <> 'unknown-workspace' as known,
  case when isfinite(valid_until) then extract(epoch from valid_until - now())::float8 end as seconds
from billing.rate_limit_of($1)
`;

/** Workspaces that are remembered. */
const mostKept = 50_000;

/** Limits by plan and override, remembered until they change: who hears of a change says `forget`. */
export const createRateLimits = ({ database, clock, refreshMs = 30_000 }: RateLimitsDeps): RateLimits => {
  const kept = new LRUCache<string, Kept>({ max: mostKept });
  const reading = new Map<string, Promise<WorkspaceRate>>();

  const read = (workspaceId: string): Promise<WorkspaceRate> => {
    const running = reading.get(workspaceId);
    if (running !== undefined) return running;
    const started = database
      .query<StoredRate>(rateSql, [workspaceId], { name: "rate_limit_of" })
      .then(([row]) => {
        const nowMs = clock.now().getTime();
        const rate: WorkspaceRate = {
          perMinute: row === undefined ? 0 : row.limit === null ? null : Number(row.limit),
          planId: row?.plan ?? "free",
          isKnown: row?.known === true,
        };
        // Forgotten meanwhile: the answer may be from before the change, and is good for who asked before it.
        if (reading.get(workspaceId) === started)
          kept.set(workspaceId, {
            rate,
            readAtMs: nowMs,
            validUntilMs:
              row?.seconds === null || row === undefined
                ? Number.POSITIVE_INFINITY
                : nowMs + row.seconds * 1_000,
          });
        return rate;
      })
      .finally(() => {
        if (reading.get(workspaceId) === started) reading.delete(workspaceId);
      });
    reading.set(workspaceId, started);
    return started;
  };

  return {
    of: (workspaceId) => {
      const found = kept.get(workspaceId);
      const nowMs = clock.now().getTime();
      if (found === undefined || nowMs >= found.validUntilMs) return read(workspaceId);
      // An outage of the database leaves the limit as it was last heard.
      if (nowMs - found.readAtMs >= refreshMs) read(workspaceId).catch(() => undefined);
      return found.rate;
    },
    forget: (workspaceId) => {
      if (workspaceId === undefined) {
        kept.clear();
        reading.clear();
      } else {
        kept.delete(workspaceId);
        reading.delete(workspaceId);
      }
    },
  };
};
