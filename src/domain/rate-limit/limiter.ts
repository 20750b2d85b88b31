import { AppError } from "../../core/index.ts";
import { type RateLimits, type WorkspaceRate } from "./limits.ts";
import {
  type RateAnswer,
  type RateRequest,
  type RateStore,
  type RateWindow,
  type WindowState,
} from "./types.ts";

/** Who asks, as far as it was verified. */
export interface RateCaller {
  readonly workspaceId: string | undefined;
  /** A user or an API key. */
  readonly actor: string | undefined;
  readonly address: string;
}

export interface RateSettings {
  /** The part of a workspace's limit that one of its users can have while others ask too; 1 is all of it. */
  readonly userShare: number;
  /** Requests a minute of an address that belong to no workspace. */
  readonly perAddress: number;
}

export const defaultRateSettings: RateSettings = { userShare: 0.8, perAddress: 100 };

export interface PolicyState extends WindowState {
  /** `workspace`, `user` or `address`. */
  readonly policy: string;
}

export interface RateDecision {
  readonly allowed: boolean;
  readonly weight: number;
  /** Limits that were applied, the tightest first; empty where there is none. */
  readonly policies: readonly PolicyState[];
  /** The policy that lets the request wait longest; undefined when allowed. */
  readonly refusedBy: PolicyState | undefined;
  readonly planId: string | undefined;
  readonly store: RateAnswer["store"] | undefined;
  /** Takes the units back of an allowed request that came to nothing. */
  readonly giveBack: () => void;
}

export interface RateLimiterDeps {
  readonly store: RateStore;
  readonly limits: RateLimits;
  readonly settings?: Partial<RateSettings>;
}

export interface RateLimiter {
  /** Throws in an outage, and for a workspace that is not there. */
  decide(caller: RateCaller, weight: number): RateDecision | Promise<RateDecision>;
}

/** The windows of a caller without what the request weighs, and their names in the same order. */
interface Windows extends Omit<RateRequest, "weight"> {
  readonly names: readonly string[];
}

const nothing = (): void => undefined;

const unlimited = (weight: number, planId: string | undefined): RateDecision => ({
  allowed: true,
  weight,
  policies: [],
  refusedBy: undefined,
  planId,
  store: undefined,
  giveBack: nothing,
});

const remaining = ({ limit, used }: WindowState): number => limit - used;

/** Finds the limits of a caller and asks the store about all of them at once. */
export const createRateLimiter = (deps: RateLimiterDeps): RateLimiter => {
  const { store, limits } = deps;
  const settings = { ...defaultRateSettings, ...deps.settings };

  const toDecision = (
    request: RateRequest,
    { names }: Windows,
    answer: RateAnswer,
    planId: string | undefined,
  ): RateDecision => {
    const policies: PolicyState[] = [];
    for (let at = 0; at < names.length; at += 1) {
      const state = answer.windows[at];
      if (state === undefined || !state.enforced) continue;
      // Written out, as in `ask`: this runs for every request, and a copy by spreading costs several times as much.
      const { used, limit, enforced, nextFreeMs, waitMs } = state;
      policies.push({ used, limit, enforced, nextFreeMs, waitMs, policy: names[at] ?? "" });
    }
    if (policies.length > 1) policies.sort((one, other) => remaining(one) - remaining(other));
    let refusedBy: PolicyState | undefined;
    if (!answer.allowed)
      for (const policy of policies) if (policy.waitMs > (refusedBy?.waitMs ?? 0)) refusedBy = policy;
    return {
      allowed: answer.allowed,
      weight: request.weight,
      policies,
      refusedBy,
      planId,
      store: answer.store,
      giveBack: () => {
        // In an outage of the store the units leave the window in a minute anyhow.
        if (answer.allowed) void Promise.resolve(store.giveBack(request, answer)).catch(nothing);
      },
    };
  };

  const ask = (
    asked: Windows,
    weight: number,
    planId: string | undefined,
  ): RateDecision | Promise<RateDecision> => {
    const { group, windows, presence } = asked;
    if (windows.length === 0) return unlimited(weight, planId);
    const request: RateRequest = { group, windows, weight, presence };
    const answer = store.take(request);
    return answer instanceof Promise
      ? answer.then((settled) => toDecision(request, asked, settled, planId))
      : toDecision(request, asked, answer, planId);
  };

  const windowsOfNobody = (actor: string | undefined, address: string): Windows => {
    const key = actor === undefined ? `a:${address}` : `p:${actor}`;
    const windows = [{ key, limit: settings.perAddress, overflowKey: "a:others" }];
    return { group: actor ?? address, windows, names: [actor === undefined ? "address" : "user"] };
  };

  const makeWindows = (workspaceId: string, actor: string | undefined, perMinute: number | null): Windows => {
    const windows: RateWindow[] = [];
    const names: string[] = [];
    if (perMinute !== null) {
      windows.push({ key: `w:${workspaceId}`, limit: perMinute });
      names.push("workspace");
      if (actor !== undefined && settings.userShare < 1) {
        const share = Math.max(1, Math.floor(perMinute * settings.userShare));
        windows.push({ key: `w:${workspaceId}:${actor}`, limit: share, whenShared: true });
        names.push("user");
      }
    }
    const presence = actor === undefined ? {} : { presence: { scope: workspaceId, actor } };
    return { group: workspaceId, windows, ...presence, names };
  };

  /**
   * Of the callers of a workspace for as long as its limit is remembered as it is, which is seconds: putting their names
   * together, and hashing them anew, was a third of a decision.
   */
  const made = new WeakMap<WorkspaceRate, Map<string | undefined, Windows>>();

  const windowsOf = (workspaceId: string, actor: string | undefined, rate: WorkspaceRate): Windows => {
    let ofWorkspace = made.get(rate);
    if (ofWorkspace === undefined) {
      ofWorkspace = new Map();
      made.set(rate, ofWorkspace);
    }
    let windows = ofWorkspace.get(actor);
    if (windows === undefined) {
      windows = makeWindows(workspaceId, actor, rate.perMinute);
      ofWorkspace.set(actor, windows);
    }
    return windows;
  };

  return {
    decide: ({ workspaceId, actor, address }, weight) => {
      if (workspaceId === undefined) return ask(windowsOfNobody(actor, address), weight, undefined);
      const go = (rate: WorkspaceRate): RateDecision | Promise<RateDecision> => {
        if (!rate.isKnown)
          throw new AppError({
            kind: "forbidden",
            code: "workspace-forbidden",
            message: "no such workspace, or not one of yours",
          });
        return ask(windowsOf(workspaceId, actor, rate), weight, rate.planId);
      };
      const rate = limits.of(workspaceId);
      return rate instanceof Promise ? rate.then(go) : go(rate);
    },
  };
};
