import { type GateDecision } from "../../domain/gate/index.ts";
import { sendOutage, sendRefusal } from "./answer.ts";
import { type AskedGate, isOutage, report, settleOutage } from "./run-gate.ts";
import { type OutagePolicy, type PlanGatesDeps, type Refusal } from "./types.ts";

export interface HoldOptions {
  readonly deps: PlanGatesDeps;
  readonly onOutage: OutagePolicy | undefined;
  readonly asked: AskedGate;
  readonly reservationId: string;
  readonly ttlSeconds: number;
  readonly usedAmount: () => number | bigint | undefined;
  readonly asRefusal: (decision: GateDecision) => Promise<Refusal>;
}

/**
 * Keeps a hold alive while the handler runs and ends it with its answer. The end of the answer waits for the commit: whoever saw
 * a whole answer was counted, and an answer that could not be counted is replaced, or cut off where it has begun.
 */
export const holdAround = (options: HoldOptions): void => {
  const { deps, asked, reservationId, ttlSeconds } = options;
  const { response, workspaceId } = asked;
  const { gate, clock, logger } = deps;
  const end = response.end.bind(response);
  let open = true;
  let cancelExtension = (): void => undefined;

  const extendLater = (): void => {
    cancelExtension = clock.schedule((ttlSeconds * 1000) / 2, () => {
      if (!open) return;
      gate.decide({ op: "extend", workspaceId, reservationId, ttlSeconds }).catch((error: unknown) => {
        logger.warn({ err: error, reservationId }, "a hold could not be extended");
      });
      extendLater();
    });
  };

  const release = async (): Promise<void> => {
    try {
      await gate.decide({ op: "release", workspaceId, reservationId });
    } catch (error) {
      // It ends by itself when its time is over.
      logger.warn({ err: error, reservationId }, "a hold could not be released");
    }
  };

  const replace = (send: () => void): void => {
    response.end = end;
    if (response.headersSent) response.destroy();
    else send();
  };

  /** Whether the answer may end as the handler wanted it. */
  const commit = async (): Promise<boolean> => {
    try {
      const used = options.usedAmount();
      const amount = used === undefined ? {} : { amount: String(used) };
      // Nothing used is nothing to commit.
      if (used !== undefined && BigInt(used) === 0n) {
        await release();
        return true;
      }
      const decision = await gate.decide({ op: "commit", workspaceId, reservationId, ...amount });
      if (decision.allowed) return true;
      const refusal = await options.asRefusal(decision);
      report(deps, { gate: "usage", outcome: "refused", code: refusal.code, workspaceId });
      replace(() => sendRefusal(response, refusal, deps.upgradeUrl));
      return false;
    } catch (error) {
      if (!isOutage(error)) throw error;
      const passes = settleOutage(
        { deps, gate: "usage", onOutage: options.onOutage },
        error,
        response,
        workspaceId,
      );
      if (!passes) replace(() => sendOutage(response, error.code));
      return passes;
    }
  };

  const settle = async (): Promise<boolean> => {
    open = false;
    cancelExtension();
    if (response.statusCode < 400) return commit();
    await release();
    return true;
  };

  response.end = ((...given: Parameters<typeof end>) => {
    if (!open) return response;
    settle().then(
      (asWanted) => {
        if (asWanted) end(...given);
      },
      (error: unknown) => {
        logger.error({ err: error, reservationId }, "a hold could not be settled");
        replace(() => sendOutage(response, "unexpected"));
      },
    );
    return response;
  }) as typeof response.end;

  // Gone before the handler had an answer.
  response.once("close", () => {
    if (!open) return;
    open = false;
    cancelExtension();
    void release();
  });
  extendLater();
};
