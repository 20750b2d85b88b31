import { z } from "zod";

import { AppError, type Database } from "../../core/index.ts";
import type { Catalog } from "../catalog/index.ts";
import type { Inconsistency } from "../consistency/index.ts";
import { HasuraError } from "../errors.ts";
import type { SessionVariables } from "../transforms/index.ts";
import { json, readArguments } from "./arguments.ts";
import { canonicalDocument } from "./canonical.ts";
import { readCatalogState, writeCatalogState } from "./catalog-state.ts";
import { cronTriggersOf } from "./commands/triggers.ts";
import { type Draft, plainNumbers } from "./document.ts";
import { insertRows } from "./insert-rows.ts";
import { changeCommand, plainName } from "./registry.ts";
import { consistencyAnswer, readReplace, refuseInconsistent, withSources } from "./replace.ts";
import { readSqlArguments, runSql } from "./run-sql.ts";
import type { ChangeSession } from "./session.ts";
import { sourceTables, suggestedRelationships, tableInfo } from "./source-info.ts";
import { versionConflict } from "./store.ts";

export interface MetadataView {
  readonly document: Draft;
  /** The document without what is inconsistent. */
  readonly consistent: Draft;
  readonly inconsistencies: readonly Inconsistency[];
  readonly catalog: Catalog;
  readonly resourceVersion: number;
}

/** A command that works on rows of the catalog and leaves the metadata as it is: events, invocations, logs. */
export type Operation = (args: unknown, session: SessionVariables) => Promise<unknown>;

/** What the metadata API may ask of the engine. */
export interface MetadataHost {
  readonly database: Database;
  readonly operations: Readonly<Record<string, Operation>>;
  current(): MetadataView;
  /** Alone, on the newest metadata; what the session then holds is built, stored and taken into use as a whole. */
  change<T>(work: (session: ChangeSession) => Promise<T>): Promise<T>;
  check(document: Draft, catalog: Catalog): readonly Inconsistency[];
}

export type MetadataApi = (body: unknown, variables: SessionVariables) => Promise<unknown>;

const command = z.object({
  type: z.string(),
  version: z.union([z.literal(1), z.literal(2)]).optional(),
  resource_version: z.number().nullish(),
  args: json,
});

type Command = z.output<typeof command>;

const success = { message: "success" };

/** Metadata errors are for the administrator who sent it, so their text is the answer. */
const asApiError = (error: unknown): unknown =>
  error instanceof AppError && error.kind === "invalid-input"
    ? new HasuraError({ message: error.message, code: error.code, path: "$.args", cause: error })
    : error;

/** The same error with its path inside a list of commands. */
const inside = (error: unknown, index: number): unknown => {
  const shown = asApiError(error);
  if (!(shown instanceof HasuraError) || shown.path === null) return shown;
  return new HasuraError({
    message: shown.message,
    code: shown.code,
    path: shown.path.replace(/^\$/, `$.args[${String(index)}]`),
    ...(shown.internal === undefined ? {} : { internal: shown.internal }),
    ...(shown.status === undefined ? {} : { status: shown.status }),
    cause: shown,
  });
};

const unsupported = (type: string): never => {
  throw new HasuraError({
    message: `the command '${type}' is not supported`,
    code: "not-supported",
    path: "$.type",
  });
};

/** Hasura's metadata, query and schema APIs; a command that is not known is refused by name. */
export const createMetadataApi = (host: MetadataHost): MetadataApi => {
  const reads: Readonly<Record<string, (call: Command) => unknown>> = {
    export_metadata: ({ version }) => {
      const { document, resourceVersion } = host.current();
      return version === 2 ? { resource_version: resourceVersion, metadata: document } : document;
    },
    get_inconsistent_metadata: () => consistencyAnswer(host.current().inconsistencies),
    get_catalog_state: () => readCatalogState(host.database),
    set_catalog_state: ({ args }) => writeCatalogState(host.database, args),
    get_cron_triggers: () => cronTriggersOf(host.current().document),
    get_source_tables: ({ args }) => sourceTables(host.current().document, host.current().catalog, args),
    get_table_info: ({ args }) => tableInfo(host.current().document, host.current().catalog, args),
    suggest_relationships: ({ args }) =>
      suggestedRelationships(host.current().document, host.current().catalog, args),
    list_source_kinds: () => ({
      sources: [{ kind: "postgres", display_name: "Postgres", builtin: true, available: true }],
    }),
  };

  const replace = async (session: ChangeSession, call: Command): Promise<unknown> => {
    const { document, allowInconsistent, detailed } = readReplace(plainNumbers(call.args));
    const next = canonicalDocument(withSources(document, session.document));
    session.refresh();
    session.document = next;
    const catalog = await session.catalog();
    const inconsistencies = host.check(next, catalog);
    if (!allowInconsistent) refuseInconsistent(inconsistencies);
    session.replace(next, catalog, inconsistencies);
    session.allowInconsistent = allowInconsistent;
    session.replaced = true;
    return call.version === 2 || detailed ? () => consistencyAnswer(session.inconsistencies) : success;
  };

  const reload = async (session: ChangeSession): Promise<unknown> => {
    session.refresh();
    session.allowInconsistent = true;
    const catalog = await session.catalog();
    session.inconsistencies = host.check(session.document, catalog);
    return () => ({
      ...success,
      is_consistent: session.inconsistencies.length === 0,
      ...(session.inconsistencies.length === 0 ? {} : { inconsistent_objects: session.inconsistencies }),
    });
  };

  const dropInconsistent = async (session: ChangeSession): Promise<unknown> => {
    const { consistent } = host.current();
    session.replace(structuredClone(consistent), await session.catalog(), []);
    return success;
  };

  const many = async (session: ChangeSession, args: unknown, keepGoing: boolean): Promise<unknown> => {
    const answers: unknown[] = [];
    for (const [index, item] of readArguments(z.array(json), args).entries()) {
      const before = session.mark();
      try {
        answers.push(await run(session, item));
      } catch (error) {
        const shown = inside(error, index);
        if (!keepGoing || !(shown instanceof HasuraError)) throw shown;
        session.restore(before);
        answers.push(shown.toApi(true));
      }
    }
    return answers;
  };

  const sessionCommands: Readonly<
    Record<string, (session: ChangeSession, call: Command) => Promise<unknown>>
  > = {
    bulk: (session, { args }) => many(session, args, false),
    bulk_atomic: (session, { args }) => many(session, args, false),
    concurrent_bulk: (session, { args }) => many(session, args, false),
    bulk_keep_going: (session, { args }) => many(session, args, true),
    replace_metadata: replace,
    reload_metadata: reload,
    drop_inconsistent_metadata: dropInconsistent,
    run_sql: (session, { args }) => session.sql(readSqlArguments(args)),
    insert: async (session, { args }) =>
      insertRows(host.database, await session.catalog(), session.document, args),
  };

  const run = async (session: ChangeSession, body: unknown): Promise<unknown> => {
    const call = readArguments(command, body, "$");
    const handler = sessionCommands[plainName(call.type)];
    if (handler !== undefined) return handler(session, call);
    const change = changeCommand(call.type);
    return change === undefined
      ? read(call, session.variables, session)
      : session.change(change, plainNumbers(call.args));
  };

  const read = async (
    call: Command,
    variables: SessionVariables,
    session?: ChangeSession,
  ): Promise<unknown> => {
    const name = plainName(call.type);
    // Inside a list a command sees what the ones before it did.
    if (session !== undefined && name === "export_metadata") {
      return call.version === 2
        ? { resource_version: host.current().resourceVersion, metadata: session.document }
        : session.document;
    }
    const handler = reads[name];
    if (handler !== undefined) return handler(call);
    const operation = host.operations[name];
    return operation === undefined ? unsupported(call.type) : operation(call.args, variables);
  };

  /** Answers that tell the state a session ended in are functions until it has. */
  const settle = (answer: unknown): unknown =>
    typeof answer === "function"
      ? (answer as () => unknown)()
      : Array.isArray(answer)
        ? answer.map(settle)
        : answer;

  return async (body, variables) => {
    try {
      const call = readArguments(command, body, "$");
      const name = plainName(call.type);
      const changes = Object.hasOwn(sessionCommands, name) || changeCommand(call.type) !== undefined;
      if (!changes) return await read(call, variables);
      if (name === "run_sql") {
        const args = readSqlArguments(call.args);
        // Reading must not wait for a change of metadata, nor hold one up.
        if (args.read_only) return await runSql(host.database, args);
      }
      const expected = call.resource_version ?? undefined;
      return settle(
        await host.change((session) => {
          if (expected !== undefined && expected !== host.current().resourceVersion) {
            throw versionConflict(expected);
          }
          session.variables = variables;
          return run(session, body);
        }),
      );
    } catch (error) {
      throw asApiError(error);
    }
  };
};
