import { createHash } from "node:crypto";

import type { Database, Logger } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import { type LiveRow, runWithValues } from "../execute/index.ts";
import type { Statement } from "../sql/builder.ts";
import { multiplex, multiplexedValues } from "./multiplex.ts";
import type { Member } from "./types.ts";

export interface AskerDeps {
  readonly database: Database;
  readonly logger: Logger;
  readonly batchSize: number;
}

export interface Asker {
  /** Asks for these members of one cohort and tells their listeners; never throws. */
  ask(members: readonly Member[]): Promise<void>;
}

/** Of one cohort. A thousand subscribers in one row of statements would wait for the sum of their times. */
const statementsAtOnce = 4;

const digestOf = (text: string): string => createHash("sha1").update(text).digest("base64");

const chunksOf = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

/** An error without words for a client is an outage, which is waited out. */
const refusalOf = (error: unknown, member: Member): HasuraError | undefined => {
  if (!(error instanceof HasuraError)) return undefined;
  const served = [...member.subscriptions].some(
    ({ digest, cursor }) => digest !== undefined || cursor !== undefined,
  );
  // Deadlocks and timeouts pass; a statement that has never worked will not start to.
  return error.code === "unexpected" && served ? undefined : error;
};

const isReady = (member: Member): boolean =>
  [...member.subscriptions].some((subscription) => subscription.listener.ready());

/** Asks on behalf of one cohort: members whose statement is the same text. */
export const createAsker = ({ database, logger, batchSize }: AskerDeps): Asker => {
  let shared: Statement | undefined;

  const publish = (member: Member, result: string): void => {
    const digest = digestOf(result);
    for (const subscription of [...member.subscriptions]) {
      if (subscription.digest === digest || !subscription.listener.ready()) continue;
      subscription.digest = digest;
      subscription.listener.next(result);
    }
  };

  const advance = (member: Member, param: number, row: LiveRow, result: string): void => {
    const cursor = row["cursor"] ?? null;
    if (cursor === null) return;
    member.values[param] = cursor;
    for (const subscription of [...member.subscriptions]) {
      subscription.cursor = cursor;
      subscription.listener.next(result);
    }
  };

  const take = (member: Member, row: LiveRow | undefined): void => {
    const { source } = member;
    if (row === undefined || source.kind !== "sql") return;
    if (source.cursorParam === undefined) publish(member, source.answer(row));
    else advance(member, source.cursorParam, row, source.answer(row));
  };

  const fail = (member: Member, error: unknown): void => {
    const refusal = refusalOf(error, member);
    if (refusal === undefined) {
      logger.warn({ error }, "a live query failed and is tried again");
      return;
    }
    for (const subscription of [...member.subscriptions]) {
      subscription.leave();
      subscription.listener.failed(refusal);
    }
  };

  const askOne = async (member: Member): Promise<void> => {
    const { source } = member;
    try {
      if (source.kind === "run") publish(member, await source.run());
      else take(member, (await runWithValues<LiveRow>(database, source.statement, member.values, "$"))[0]);
    } catch (error) {
      fail(member, error);
    }
  };

  const askBatch = async (members: readonly Member[]): Promise<void> => {
    const [first] = members;
    if (first === undefined) return;
    if (members.length === 1 || first.source.kind === "run") {
      for (const member of members) await askOne(member);
      return;
    }
    const { statement } = first.source;
    shared ??= multiplex(statement);
    const values = multiplexedValues(statement.params.length, members);
    let rows: readonly (LiveRow & { readonly id: unknown })[];
    try {
      rows = await runWithValues(database, shared, values, "$");
    } catch (error) {
      if (!(error instanceof HasuraError)) {
        logger.warn({ error, members: members.length }, "live queries failed and are tried again");
        return;
      }
      // One asker's value spoils the answer of all: halves, until it stands alone.
      const middle = Math.ceil(members.length / 2);
      await askBatch(members.slice(0, middle));
      await askBatch(members.slice(middle));
      return;
    }
    for (const row of rows) {
      const member = members[Number(row.id)];
      if (member !== undefined) take(member, row);
    }
  };

  return {
    ask: async (members) => {
      const batches = chunksOf(members.filter(isReady), batchSize).values();
      // All take from one list; the database's other connections stay for requests.
      const work = async (): Promise<void> => {
        for (const batch of batches) await askBatch(batch);
      };
      await Promise.all(Array.from({ length: statementsAtOnce }, work));
    },
  };
};
