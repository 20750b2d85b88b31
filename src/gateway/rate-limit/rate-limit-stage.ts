import { AppError, type Clock, type Logger } from "../../core/index.ts";
import { costOf, type RateDecision, type RateLimiter } from "../../domain/rate-limit/index.ts";
import type { Admission, GatewayRequest, GatewayStage, Refused } from "../stage.ts";
import { addressKey } from "./address-key.ts";
import { rateHeaders, retryAfterSeconds } from "./rate-headers.ts";

export interface RateLimitStageDeps {
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly logger: Logger;
}

const stageName = "rate-limit";

const weightOf = ({ operations }: GatewayRequest): number =>
  costOf(operations.map(({ rootFields, depth, nodes }) => ({ rootFields: rootFields.length, depth, nodes })));

const whose: Readonly<Record<string, string>> = {
  workspace: "the workspace",
  user: "one caller while others ask too",
  address: "requests without a workspace",
};

const refusal = (decision: RateDecision, headers: Record<string, string>): Refused => {
  const { refusedBy, weight } = decision;
  const limit = refusedBy?.limit ?? 0;
  const policy = refusedBy?.policy ?? "workspace";
  const retryAfter = retryAfterSeconds(decision);
  const limited = `${String(limit)} units a minute for ${whose[policy] ?? policy}`;
  return {
    allowed: false,
    status: 429,
    code: "rate-limited",
    message:
      retryAfter === undefined
        ? `this request costs ${String(weight)} units, more than the limit of ${limited} will ever allow`
        : `too many requests: the limit is ${limited}`,
    headers,
    extensions: {
      policy,
      limit,
      remaining: Math.max(0, limit - (refusedBy?.used ?? 0)),
      cost: weight,
      windowSeconds: 60,
      retryAfterSeconds: retryAfter ?? null,
      plan: decision.planId ?? null,
    },
  };
};

/** An outage is no denial: it has a status and a code of its own. */
const failure = (error: unknown, logger: Logger, requestId: string): Refused => {
  if (error instanceof AppError && error.kind === "forbidden")
    return { allowed: false, status: 403, code: error.code, message: error.message };
  logger.error({ err: error, requestId }, "the rate limit could not be told");
  return {
    allowed: false,
    status: 503,
    code: "rate-limit-unavailable",
    message: "the rate limit cannot be told at present; nothing was done, ask again",
    headers: { "retry-after": "1" },
  };
};

/** Lets through what the plan allows a minute. Who holds the admin secret operates the system and is not limited. */
export const createRateLimitStage = ({ limiter, clock, logger }: RateLimitStageDeps): GatewayStage => {
  const admission = (decision: RateDecision): Admission => {
    const headers = rateHeaders(decision, clock.now().getTime());
    return decision.allowed
      ? { allowed: true, headers, undo: decision.giveBack }
      : refusal(decision, headers);
  };

  return {
    name: stageName,
    admit: (request) => {
      const { caller } = request;
      if (caller.kind === "admin") return { allowed: true };
      try {
        const decision = limiter.decide(
          {
            workspaceId: caller.workspaceId,
            actor: caller.userId ?? caller.apiKeyId,
            address: addressKey(caller.address),
          },
          weightOf(request),
        );
        return decision instanceof Promise
          ? decision.then(
              (settled) => admission(settled),
              (error: unknown) => failure(error, logger, request.id),
            )
          : admission(decision);
      } catch (error) {
        return failure(error, logger, request.id);
      }
    },
  };
};
