import type { GraphQLOutputType } from "graphql";

import { type Clock, createQueueWorker, type Database, type Logger } from "../../core/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { isRawObject, type Raw } from "../json/index.ts";
import type { ActionMeta } from "../metadata/types.ts";
import { createActionLog, type WaitingCall } from "./action-log.ts";
import type { CallAction } from "./call-action.ts";
import { forwardedHeaders, requestIdHeaders } from "./forward-headers.ts";
import { checkOutput } from "./output.ts";

/** Beyond its time limit, a call is given this long to be written down before it counts as abandoned. */
const abandonedAfterSeconds = 60;

export interface AsyncActionsDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callAction: CallAction;
  /** The asynchronous actions of the present metadata, with the types their outputs are checked against. */
  readonly actions: () => ReadonlyMap<
    string,
    { readonly action: ActionMeta; readonly output: GraphQLOutputType }
  >;
}

export interface AsyncActions {
  /** Writes a call down; answers with its id. */
  accept(action: ActionMeta, inputJson: string, session: Session, headers: HeaderMap): Promise<string>;
  /** `{id, created_at, errors, output}`, null for whoever is not the caller. */
  result(action: ActionMeta, id: string, session: Session): Promise<Raw>;
  /** Makes all waiting calls; resolves with their number, after all are answered. */
  process(): Promise<number>;
  /** Looks for calls now rather than at the next poll. */
  wake(): void;
  start(): void;
  stop(): Promise<void>;
}

const sameSession = (
  left: Readonly<Record<string, string>>,
  right: Readonly<Record<string, string>>,
): boolean => {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
};

const withoutInternal = (errors: Raw): Raw =>
  isRawObject(errors)
    ? Object.fromEntries(Object.entries(errors).filter(([key]) => key !== "internal"))
    : errors;

/** Calls of asynchronous actions: accepted at once, made in the background once each, their outcome kept to be asked for. */
export const createAsyncActions = (deps: AsyncActionsDeps): AsyncActions => {
  const log = createActionLog(deps.database);
  const make = async (call: WaitingCall): Promise<void> => {
    const found = deps.actions().get(call.actionName);
    if (found === undefined) {
      await log.release([call.id]);
      return;
    }
    try {
      const answer = await deps.callAction({
        action: found.action,
        inputJson: call.inputJson,
        session: { variables: call.session },
        clientHeaders: new Map(Object.entries(call.headers)),
        requestQuery: null,
      });
      checkOutput(answer.value, found.output);
      await log.complete(call.id, answer.value);
    } catch (error) {
      if (!(error instanceof HasuraError)) throw error;
      await log.fail(call.id, {
        code: error.code,
        path: error.path ?? "$",
        error: error.message,
        ...(error.internal === undefined ? {} : { internal: error.internal }),
      });
    }
  };

  const queue = createQueueWorker({
    clock: deps.clock,
    logger: deps.logger,
    what: "calls of asynchronous actions",
    pollEveryMs: 1_000,
    batchSize: 10,
    maxInFlight: 100,
    take: async (limit) => {
      const names = [...deps.actions().keys()];
      return names.length === 0 ? [] : log.take(names, limit);
    },
    handle: make,
    idOf: (call) => call.id,
    release: log.release,
    recover: async () => {
      for (const { action } of deps.actions().values()) {
        await log.releaseAbandoned(action.name, action.timeoutSeconds + abandonedAfterSeconds);
      }
    },
  });

  return {
    accept: (action, inputJson, session, headers) =>
      log.add({
        actionName: action.name,
        session: session.variables,
        // What the webhook will not see need not be kept: the client's secrets are among it.
        headers: {
          ...requestIdHeaders(headers),
          ...(action.forwardClientHeaders ? forwardedHeaders(headers, action.ignoredClientHeaders) : {}),
        },
        inputJson,
      }),
    result: async (action, id, session) => {
      const call = await log.find(action.name, id);
      if (call === undefined || !(session.isAdmin || sameSession(call.session, session.variables)))
        return null;
      return {
        id: call.id,
        created_at: call.createdAt,
        errors: session.isAdmin ? call.errors : withoutInternal(call.errors),
        output: call.output,
      };
    },
    process: queue.drain,
    wake: queue.wake,
    start: queue.start,
    stop: queue.stop,
  };
};
