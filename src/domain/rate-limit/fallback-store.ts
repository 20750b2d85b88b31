import { AppError, type Clock, type Logger } from "../../core/index.ts";
import { type RateAnswer, type RateRequest, type RateStore } from "./types.ts";

export interface FallbackStoreDeps {
  /** The store that all gateways share. */
  readonly shared: RateStore;
  /** The limits of this process alone. */
  readonly local: RateStore;
  /**
   * What an outage of the shared store means. `local`: each gateway holds the whole limit by itself, so that n of them let
   * through n times as much at most. `refuse`: nothing passes.
   */
  readonly onOutage: "local" | "refuse";
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the shared store is left alone after it failed. */
  readonly retryMs?: number;
}

export interface FallbackStore extends RateStore {
  state(): {
    readonly isDown: boolean;
    /** Decisions that were made, or refused to be made, without the shared store. */
    readonly withoutShared: number;
  };
}

/** Keeps limits while the shared store is away, and returns to it by itself; one request at a time finds out whether it is back. */
export const createFallbackStore = (deps: FallbackStoreDeps): FallbackStore => {
  const { shared, local, onOutage, clock, logger, retryMs = 1_000 } = deps;
  let isDown = false;
  let retryAtMs = 0;
  let withoutShared = 0;

  const withoutIt = async (request: RateRequest): Promise<RateAnswer> => {
    withoutShared += 1;
    if (onOutage === "refuse")
      throw new AppError({
        kind: "unavailable",
        code: "rate-limit-unavailable",
        message: "the store of rate limits is away",
      });
    return { ...(await local.take(request)), store: "local" };
  };

  return {
    take: async (request) => {
      const nowMs = clock.now().getTime();
      if (isDown) {
        if (nowMs < retryAtMs) return withoutIt(request);
        retryAtMs = nowMs + retryMs;
      }
      let answer: RateAnswer;
      try {
        answer = await shared.take(request);
      } catch (error) {
        if (!isDown) logger.error({ err: error, onOutage }, "the store of rate limits is away");
        isDown = true;
        retryAtMs = clock.now().getTime() + retryMs;
        return withoutIt(request);
      }
      if (isDown) logger.info({ withoutShared }, "the store of rate limits is back");
      isDown = false;
      return answer;
    },
    giveBack: (request, answer) => (answer.store === "local" ? local : shared).giveBack(request, answer),
    state: () => ({ isDown, withoutShared }),
  };
};
