import { type Clock, inSpan } from "../../core/index.ts";
import type { Retry } from "../metadata/types.ts";
import type { SessionVariables } from "../transforms/index.ts";
import { attemptDelivery, type AttemptDeps, type AttemptTarget } from "./attempt.ts";
import type { Invocation } from "./scheduled-rows.ts";

/** What may become of an item after a try; each outcome is written together with the line of the invocation log. */
export interface Outcomes<T> {
  delivered(item: T, invocation: Invocation): Promise<void>;
  failed(item: T, invocation: Invocation): Promise<void>;
  retryAt(item: T, moment: Date, invocation: Invocation): Promise<void>;
}

export interface DeliverOnceDeps<T> extends AttemptDeps {
  readonly store: Outcomes<T>;
  readonly clock: Clock;
}

export interface DeliverOnceTarget extends Omit<AttemptTarget, "timeoutSeconds"> {
  readonly retry: Retry;
}

/** One try, in a trace of its own: delivered on 2xx, else again later until the tries are used up. */
export const deliverOnce = <T extends { readonly tries: number }>(
  deps: DeliverOnceDeps<T>,
  item: T,
  target: DeliverOnceTarget,
  body: string,
  session: SessionVariables | null,
): Promise<void> =>
  inSpan(
    `delivery of ${target.what}`,
    { attributes: () => ({ "hasura.delivery.tries": item.tries }) },
    (span) =>
      tryOnce(deps, item, target, body, session).then((outcome) => {
        span.setAttribute("hasura.delivery.outcome", outcome);
      }),
  );

const tryOnce = async <T extends { readonly tries: number }>(
  deps: DeliverOnceDeps<T>,
  item: T,
  target: DeliverOnceTarget,
  body: string,
  session: SessionVariables | null,
): Promise<keyof Outcomes<T>> => {
  const { store, clock } = deps;
  const { numRetries, intervalSeconds, timeoutSeconds } = target.retry;
  const attempt = await attemptDelivery(deps, { ...target, timeoutSeconds }, body, session);
  if (attempt.delivered) {
    await store.delivered(item, attempt);
    return "delivered";
  }
  if (item.tries >= numRetries && attempt.retryAfterSeconds === undefined) {
    await store.failed(item, attempt);
    return "failed";
  }
  // A webhook that names a waiting time gets another try even when the tries are used up.
  const seconds = attempt.retryAfterSeconds ?? intervalSeconds;
  await store.retryAt(item, new Date(clock.now().getTime() + seconds * 1000), attempt);
  return "retryAt";
};
