import type { Clock, Database, Logger } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import { type Asker, createAsker } from "./cohort.ts";
import type { LiveQueryListener, LiveSource, Member, Subscription } from "./types.ts";

export interface PollSettings {
  readonly intervalMs: number;
  /** Subscribers that one statement answers at most. */
  readonly batchSize: number;
}

export interface LiveQueriesDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly live: PollSettings;
  readonly stream: PollSettings;
  /** Changes when subscriptions have to be planned again. */
  readonly epoch: () => unknown;
}

export interface LiveQueries {
  /** Asks as long as it is not stopped; throws when the request cannot be planned. */
  subscribe(plan: () => LiveSource, listener: LiveQueryListener): () => void;
  /** Different questions that are being asked. */
  size(): number;
  stop(): void;
}

/** Subscriptions whose statement is the same text, whoever asks and for what values. */
interface Cohort {
  readonly key: string;
  readonly asker: Asker;
  readonly members: Map<string, Member>;
  readonly intervalMs: number;
  readonly epoch: unknown;
  /** Members somebody has newly joined, answered before the next turn. */
  readonly fresh: Set<Member>;
  cancel: () => void;
  busy: Promise<void>;
}

const cohortKey = (source: LiveSource): string =>
  source.kind === "run"
    ? "run"
    : `${source.cursorParam === undefined ? "live" : "stream"} ${source.statement.text}`;

export const createLiveQueries = (deps: LiveQueriesDeps): LiveQueries => {
  const { clock } = deps;
  const cohorts = new Map<string, Cohort>();
  let streams = 0;

  const turn = async (cohort: Cohort): Promise<void> => {
    const startedAt = clock.now().getTime();
    if (cohort.epoch !== deps.epoch()) {
      rejoin(cohort);
      return;
    }
    cohort.busy = cohort.busy.then(() => cohort.asker.ask([...cohort.members.values()]));
    await cohort.busy;
    if (cohorts.get(cohort.key) !== cohort) return;
    // Turns start at a fixed rate, but a database that is too slow for it gets time to breathe.
    const elapsed = clock.now().getTime() - startedAt;
    const delay = Math.max(cohort.intervalMs - elapsed, cohort.intervalMs / 10);
    cohort.cancel = clock.schedule(delay, () => void turn(cohort));
  };

  /** Asks for those who came since; several of them together if they came at once. */
  const greet = (cohort: Cohort, member: Member): void => {
    cohort.fresh.add(member);
    if (cohort.fresh.size > 1) return;
    setImmediate(() => {
      cohort.busy = cohort.busy.then(async () => {
        const members = [...cohort.fresh];
        cohort.fresh.clear();
        await cohort.asker.ask(members);
      });
    });
  };

  const cohortOf = (source: LiveSource): Cohort => {
    const key = cohortKey(source);
    const known = cohorts.get(key);
    if (known !== undefined && known.epoch === deps.epoch()) return known;
    if (known !== undefined) cohorts.delete(key);
    const settings = source.kind === "sql" && source.cursorParam !== undefined ? deps.stream : deps.live;
    const cohort: Cohort = {
      key,
      asker: createAsker({ database: deps.database, logger: deps.logger, batchSize: settings.batchSize }),
      members: new Map(),
      intervalMs: settings.intervalMs,
      epoch: deps.epoch(),
      fresh: new Set(),
      cancel: () => undefined,
      busy: Promise.resolve(),
    };
    cohorts.set(key, cohort);
    cohort.cancel = clock.schedule(cohort.intervalMs, () => void turn(cohort));
    if (known !== undefined) rejoin(known);
    return cohort;
  };

  const join = (subscription: Subscription): void => {
    const source = subscription.plan();
    const cohort = cohortOf(source);
    const values = source.kind === "sql" ? [...source.values] : [];
    const param = source.kind === "sql" ? source.cursorParam : undefined;
    if (param !== undefined) {
      // Every stream stands somewhere else.
      streams += 1;
      if (subscription.cursor !== undefined) values[param] = subscription.cursor;
    }
    const key =
      source.kind === "run"
        ? source.key
        : param === undefined
          ? JSON.stringify([source.shape, values])
          : `#${String(streams)}`;
    let member = cohort.members.get(key);
    if (member === undefined) {
      member = { key, source, values, subscriptions: new Set() };
      cohort.members.set(key, member);
    }
    const joined = member;
    joined.subscriptions.add(subscription);
    subscription.leave = () => {
      joined.subscriptions.delete(subscription);
      if (joined.subscriptions.size > 0) return;
      cohort.members.delete(joined.key);
      cohort.fresh.delete(joined);
      if (cohort.members.size > 0) return;
      cohort.cancel();
      if (cohorts.get(cohort.key) === cohort) cohorts.delete(cohort.key);
    };
    greet(cohort, joined);
  };

  /** After a change of metadata or database: the same questions, planned anew; what was sent stays known. */
  const rejoin = (cohort: Cohort): void => {
    cohort.cancel();
    if (cohorts.get(cohort.key) === cohort) cohorts.delete(cohort.key);
    const subscriptions = [...cohort.members.values()].flatMap((member) => [...member.subscriptions]);
    for (const subscription of subscriptions) {
      subscription.leave();
      try {
        join(subscription);
      } catch (error) {
        if (error instanceof HasuraError) subscription.listener.failed(error);
        else deps.logger.error({ error }, "a live query could not be planned again");
      }
    }
  };

  return {
    subscribe: (plan, listener) => {
      const subscription: Subscription = {
        plan,
        listener,
        digest: undefined,
        cursor: undefined,
        leave: () => undefined,
      };
      join(subscription);
      return () => subscription.leave();
    },
    size: () => [...cohorts.values()].reduce((sum, cohort) => sum + cohort.members.size, 0),
    stop: () => {
      for (const cohort of cohorts.values()) {
        cohort.cancel();
        cohort.members.clear();
      }
      cohorts.clear();
    },
  };
};
