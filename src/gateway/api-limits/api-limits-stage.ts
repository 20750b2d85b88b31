import type { Logger } from "../../core/index.ts";
import type { RateAnswer, RateRequest, RateStore } from "../../domain/rate-limit/index.ts";
import type { Caller } from "../caller.ts";
import { addressKey } from "../rate-limit/address-key.ts";
import { waitSeconds } from "../rate-limit/rate-fields.ts";
import type { Admission, Allowed, GatewayRequest, GatewayStage, Refused } from "../stage.ts";
import type { ApiLimits, RoleLimits, RoleRate } from "./api-limits.ts";

export interface ApiLimitsStageDeps {
  readonly limits: ApiLimits;
  readonly store: RateStore;
  readonly logger: Logger;
}

const allowed: Allowed = { allowed: true };

/** Hasura answers refusals of GraphQL with 200; only the rate has the status that clients and proxies know. */
const refusal = (code: string, message: string): Refused => ({ allowed: false, status: 200, code, message });

/** A subscription lives on; it is its first answer that could be late, and that is the engine's to say. */
const admitted = ({ seconds }: RoleLimits, { protocol }: GatewayRequest): Allowed =>
  seconds === undefined || protocol === "ws"
    ? allowed
    : {
        allowed: true,
        deadline: {
          ms: seconds * 1_000,
          refusal: refusal(
            "time-limit-exceeded",
            `the operation took longer than the limit of ${String(seconds)} s`,
          ),
        },
      };

const sizeRefusal = (limits: RoleLimits, { operations }: GatewayRequest): Refused | undefined => {
  const { batch, depth, nodes } = limits;
  if (batch !== undefined && operations.length > batch)
    return refusal(
      "batch-limit-exceeded",
      `the batch of ${String(operations.length)} operations exceeds the limit of ${String(batch)}`,
    );
  for (const { objectDepth, objects } of operations) {
    if (depth !== undefined && objectDepth > depth)
      return refusal(
        "depth-limit-exceeded",
        `the depth of the operation, ${String(objectDepth)}, exceeds the limit of ${String(depth)}`,
      );
    if (nodes !== undefined && objects > nodes)
      return refusal(
        "node-limit-exceeded",
        `the operation has ${String(objects)} nodes, which exceeds the limit of ${String(nodes)}`,
      );
  }
  return undefined;
};

const partOf = (caller: Caller, by: RoleRate["by"]): string => {
  if (by === "ip") return addressKey(caller.address);
  return by.map((name) => (name === "user" ? caller.userId : caller.workspaceId) ?? "").join("\n");
};

const rateRefusal = ({ perMinute }: RoleRate, { windows }: RateAnswer): Refused => {
  const retryAfter = waitSeconds(windows[0]?.waitMs ?? Number.POSITIVE_INFINITY);
  return {
    allowed: false,
    status: 429,
    code: "rate-limit-exceeded",
    message: `too many requests: the limit of the role is ${String(perMinute)} a minute`,
    headers: retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
    extensions: { limit: perMinute, retryAfterSeconds: retryAfter ?? null },
  };
};

/**
 * Hasura's own limits of its metadata, which only its paid edition enforces. As there they do not hold for the role admin,
 * introspection has no depth, and requests are counted by role and unique parameters.
 */
export const createApiLimitsStage = ({ limits, store, logger }: ApiLimitsStageDeps): GatewayStage => {
  const admission = (
    asked: GatewayRequest,
    rate: RoleRate,
    request: RateRequest,
    answer: RateAnswer,
  ): Admission => {
    if (!answer.allowed) return rateRefusal(rate, answer);
    return {
      ...admitted(limits.of(asked.caller.role), asked),
      undo: () => void Promise.resolve(store.giveBack(request, answer)).catch(() => undefined),
    };
  };

  return {
    name: "api-limits",
    admit: (asked) => {
      const { caller, operations } = asked;
      if (caller.role === "admin") return allowed;
      const held = limits.of(caller.role);
      const refused = sizeRefusal(held, asked);
      if (refused !== undefined) return refused;
      const { rate } = held;
      if (rate === undefined) return admitted(held, asked);
      const key = `h:${caller.role}\n${partOf(caller, rate.by)}`;
      const request: RateRequest = {
        group: key,
        windows: [{ key, limit: rate.perMinute, overflowKey: `h:${caller.role}\nothers` }],
        weight: Math.max(1, operations.length),
      };
      const failed = (error: unknown): Refused => {
        logger.error({ err: error, requestId: asked.id }, "the rate limit of a role could not be told");
        return {
          allowed: false,
          status: 503,
          code: "rate-limit-unavailable",
          message: "the rate limit cannot be told at present; nothing was done, ask again",
        };
      };
      try {
        const answer = store.take(request);
        return answer instanceof Promise
          ? answer.then((settled) => admission(asked, rate, request, settled), failed)
          : admission(asked, rate, request, answer);
      } catch (error) {
        return failed(error);
      }
    },
  };
};
