import { type Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { currentContext, inSharedSpan, type TraceContext } from "../tracing/index.ts";
import { type QueueMeter } from "./queue-meter.ts";

export interface CombinerLimits {
  /** Requests in one call. */
  readonly maxBatch: number;
  /** Calls in flight over all lanes; each takes one session of the database. */
  readonly maxCalls: number;
  /** Requests that wait over all lanes; one more is refused as an outage. */
  readonly maxWaiting: number;
  /** How long a request may wait before it is sent; after that nothing of it was done and its caller hears so. Infinity: for ever. */
  readonly maxWaitMs: number;
}

export const defaultLimits: CombinerLimits = {
  // Beyond some dozens a call takes as long as the commit it saves.
  maxBatch: 64,
  maxCalls: 10,
  maxWaiting: 10_000,
  maxWaitMs: 5_000,
};

export interface CombinerOptions<Request, Answer> {
  /** For traces and figures: "gate". */
  readonly what: string;
  readonly meter?: QueueMeter | undefined;
  /** Answers in the order of the requests; either all of them took effect or none did. */
  readonly call: (requests: readonly Request[]) => Promise<readonly Answer[]>;
  /** Requests of one lane queue behind each other; lanes take turns. */
  readonly laneOf: (request: Request) => string;
  readonly clock: Clock;
  readonly limits?: Partial<CombinerLimits>;
}

export interface Combiner<Request, Answer> {
  ask(request: Request): Promise<Answer>;
}

interface Waiting<Request, Answer> {
  readonly request: Request;
  readonly sinceMs: number;
  /** What its asker was doing. */
  readonly from: TraceContext;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane<Request, Answer> {
  readonly waiting: Waiting<Request, Answer>[];
  inFlight: boolean;
  queued: boolean;
}

const overloaded = (): AppError =>
  new AppError({
    kind: "unavailable",
    code: "overloaded",
    message: "Too many requests are waiting; nothing was counted, ask again.",
  });

/**
 * Gathers the requests of a lane that arrive while its call is in flight into the next call: durable work whose price is
 * the commit and the lock, not the request, is paid once for all of them. An idle lane sends at once.
 */
export const createCombiner = <Request, Answer>(
  options: CombinerOptions<Request, Answer>,
): Combiner<Request, Answer> => {
  const { what, laneOf, clock, meter } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const lanes = new Map<string, Lane<Request, Answer>>();
  // Lanes with something to send, in the order of their turns.
  const turns: string[] = [];
  let calls = 0;
  let waitingCount = 0;
  let sweeping = false;
  meter?.watch(what, () => waitingCount);

  const call = (batch: readonly Waiting<Request, Answer>[]): Promise<readonly Answer[]> =>
    inSharedSpan(
      `${what} call`,
      batch.map(({ from }) => from),
      () => options.call(batch.map(({ request }) => request)),
    );

  const answerAlone = async (entry: Waiting<Request, Answer>): Promise<void> => {
    try {
      const [answer] = await call([entry]);
      if (answer === undefined) throw new Error("a call gave fewer answers than it had requests");
      entry.resolve(answer);
    } catch (error) {
      entry.reject(error);
    }
  };

  const answerAll = async (batch: readonly Waiting<Request, Answer>[]): Promise<void> => {
    try {
      const answers = await call(batch);
      if (answers.length !== batch.length) throw new Error("a call gave fewer answers than it had requests");
      batch.forEach((entry, position) => entry.resolve(answers[position] as Answer));
    } catch (error) {
      // An outage may have come after the commit: asking again for the caller could do it twice.
      if (batch.length === 1 || (error instanceof AppError && error.kind === "unavailable")) {
        for (const entry of batch) entry.reject(error);
        return;
      }
      // Nothing of the call took effect; each request alone, so that one cannot take its neighbours down.
      for (const entry of batch) await answerAlone(entry);
    }
  };

  const queueTurn = (name: string, lane: Lane<Request, Answer>): void => {
    if (lane.inFlight || lane.queued || lane.waiting.length === 0) return;
    lane.queued = true;
    turns.push(name);
  };

  const send = (): void => {
    while (calls < limits.maxCalls) {
      const name = turns.shift();
      if (name === undefined) return;
      const lane = lanes.get(name);
      if (lane === undefined) continue;
      lane.queued = false;
      const batch = lane.waiting.splice(0, limits.maxBatch);
      if (batch.length === 0) continue;
      waitingCount -= batch.length;
      if (batch[0] !== undefined) meter?.called(what, batch.length, clock.now().getTime() - batch[0].sinceMs);
      lane.inFlight = true;
      calls += 1;
      void answerAll(batch).then(() => {
        calls -= 1;
        lane.inFlight = false;
        if (lane.waiting.length === 0) lanes.delete(name);
        else queueTurn(name, lane);
        send();
      });
    }
  };

  /** One timer for all: every lane's queue is in the order of arrival. */
  const sweepLater = (delayMs: number): void => {
    sweeping = true;
    clock.schedule(delayMs, () => {
      sweeping = false;
      const nowMs = clock.now().getTime();
      let oldestMs = Number.POSITIVE_INFINITY;
      for (const [name, lane] of lanes) {
        while (lane.waiting[0] !== undefined && nowMs - lane.waiting[0].sinceMs >= limits.maxWaitMs) {
          lane.waiting.shift()?.reject(overloaded());
          waitingCount -= 1;
        }
        const head = lane.waiting[0];
        if (head !== undefined) oldestMs = Math.min(oldestMs, head.sinceMs);
        else if (!lane.inFlight) lanes.delete(name);
      }
      if (waitingCount > 0) sweepLater(Math.max(oldestMs + limits.maxWaitMs - nowMs, 1));
    });
  };

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (waitingCount >= limits.maxWaiting) {
          reject(overloaded());
          return;
        }
        const name = laneOf(request);
        let lane = lanes.get(name);
        if (lane === undefined) {
          lane = { waiting: [], inFlight: false, queued: false };
          lanes.set(name, lane);
        }
        lane.waiting.push({
          request,
          sinceMs: clock.now().getTime(),
          from: currentContext(),
          resolve,
          reject,
        });
        waitingCount += 1;
        queueTurn(name, lane);
        send();
        if (waitingCount > 0 && !sweeping && Number.isFinite(limits.maxWaitMs)) sweepLater(limits.maxWaitMs);
      }),
  };
};
