import { AppError } from "../../core/index.ts";
import { type RateLimits } from "./limits.ts";
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
  giveBack(): void;
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
    names: readonly string[],
    answer: RateAnswer,
    planId: string | undefined,
  ): RateDecision => {
    const policies: PolicyState[] = [];
    answer.windows.forEach((state, at) => {
      if (state.enforced) policies.push({ ...state, policy: names[at] ?? "" });
    });
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
    request: RateRequest,
    names: readonly string[],
    planId: string | undefined,
  ): RateDecision | Promise<RateDecision> => {
    if (request.windows.length === 0) return unlimited(request.weight, planId);
    const answer = store.take(request);
    return answer instanceof Promise
      ? answer.then((settled) => toDecision(request, names, settled, planId))
      : toDecision(request, names, answer, planId);
  };

  const windowsOf = (
    caller: RateCaller,
    weight: number,
    plan: { readonly perMinute: number | null; readonly planId: string | undefined },
  ): RateDecision | Promise<RateDecision> => {
    const windows: RateWindow[] = [];
    const names: string[] = [];
    const { workspaceId, actor, address } = caller;
    if (workspaceId === undefined) {
      const key = actor === undefined ? `a:${address}` : `p:${actor}`;
      windows.push({ key, limit: settings.perAddress, overflowKey: "a:others" });
      names.push(actor === undefined ? "address" : "user");
    } else if (plan.perMinute !== null) {
      windows.push({ key: `w:${workspaceId}`, limit: plan.perMinute });
      names.push("workspace");
      if (actor !== undefined && settings.userShare < 1) {
        const share = Math.max(1, Math.floor(plan.perMinute * settings.userShare));
        windows.push({ key: `w:${workspaceId}:${actor}`, limit: share, whenShared: true });
        names.push("user");
      }
    }
    const group = workspaceId ?? actor ?? address;
    const presence =
      workspaceId === undefined || actor === undefined ? {} : { presence: { scope: workspaceId, actor } };
    const request: RateRequest = { group, windows, weight, ...presence };
    return ask(request, names, plan.planId);
  };

  return {
    decide: (caller, weight) => {
      if (caller.workspaceId === undefined)
        return windowsOf(caller, weight, { perMinute: null, planId: undefined });
      const rate = limits.of(caller.workspaceId);
      const go = (found: Awaited<typeof rate>): RateDecision | Promise<RateDecision> => {
        if (!found.isKnown)
          throw new AppError({
            kind: "forbidden",
            code: "workspace-forbidden",
            message: "no such workspace, or not one of yours",
          });
        return windowsOf(caller, weight, found);
      };
      return rate instanceof Promise ? rate.then(go) : go(rate);
    },
  };
};
