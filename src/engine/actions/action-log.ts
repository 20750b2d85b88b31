import type { Database } from "../../core/index.ts";
import { parseJson, type Raw, rawToJson } from "../json/index.ts";

/** A call that waits for its turn; a null action means that its record cannot be read. */
export interface WaitingCall {
  readonly id: string;
  readonly actionName: string;
  readonly session: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text, so that long numbers arrive as they were sent. */
  readonly inputJson: string;
}

export interface CallError {
  readonly code: string;
  readonly path: string;
  readonly error: string;
  readonly internal?: unknown;
}

export interface RecordedCall {
  readonly id: string;
  readonly createdAt: string;
  readonly output: Raw;
  readonly errors: Raw;
  readonly session: Readonly<Record<string, string>>;
}

export interface NewCall {
  readonly actionName: string;
  readonly session: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly inputJson: string;
}

/** The calls of asynchronous actions, in the table and the states that Hasura keeps them in. */
export interface ActionLog {
  add(call: NewCall): Promise<string>;
  find(actionName: string, id: string): Promise<RecordedCall | undefined>;
  /** Marks waiting calls as being processed, so that no other engine makes them. */
  take(actionNames: readonly string[], limit: number): Promise<readonly WaitingCall[]>;
  complete(id: string, output: Raw): Promise<void>;
  fail(id: string, error: CallError): Promise<void>;
  /** Calls whose engine ended before they did wait again. */
  release(ids: readonly string[]): Promise<void>;
  /** The same for calls so old that no engine can still be waiting for their webhook. */
  releaseAbandoned(actionName: string, olderThanSeconds: number): Promise<void>;
}

interface WaitingRow {
  readonly id: string;
  readonly action_name: string;
  readonly session_variables: Readonly<Record<string, string>>;
  readonly request_headers: Readonly<Record<string, string>>;
  readonly input: string;
}

interface RecordedRow {
  readonly id: string;
  readonly created_at: string;
  readonly output: string | null;
  readonly errors: string | null;
  readonly session_variables: Readonly<Record<string, string>>;
}

const parsed = (text: string | null): Raw => (text === null ? null : parseJson(text));

export const createActionLog = (database: Database): ActionLog => ({
  add: async ({ actionName, session, headers, inputJson }) => {
    const [row] = await database.query<{ readonly id: string }>(
      `insert into hdb_catalog.hdb_action_log (action_name, session_variables, request_headers, input_payload, status)
       values ($1, $2::jsonb, $3::jsonb, $4::jsonb, 'created')
       returning id::text`,
      [actionName, JSON.stringify(session), JSON.stringify(headers), inputJson],
    );
    if (row === undefined) throw new Error("an insert without conflict gives one row");
    return row.id;
  },
  find: async (actionName, id) => {
    const [row] = await database.query<RecordedRow>(
      `select
         id::text as id,
         to_json(created_at at time zone 'UTC') #>> '{}' || '+00:00' as created_at,
         response_payload::text as output,
         errors::text as errors,
         session_variables
       from hdb_catalog.hdb_action_log
       where id = $1::uuid and action_name = $2`,
      [id, actionName],
      { name: "engine_action_log_find" },
    );
    return row === undefined
      ? undefined
      : {
          id: row.id,
          createdAt: row.created_at,
          output: parsed(row.output),
          errors: parsed(row.errors),
          session: row.session_variables,
        };
  },
  take: async (actionNames, limit) => {
    const rows = await database.query<WaitingRow>(
      `update hdb_catalog.hdb_action_log log
       set status = 'processing'
       from (
         select id
         from hdb_catalog.hdb_action_log
         where status = 'created' and action_name = any($1::text[])
         order by created_at
         limit $2
         for update skip locked
       ) waiting
       where log.id = waiting.id
       returning
         log.id::text as id,
         log.action_name,
         log.session_variables,
         log.request_headers,
         log.input_payload::text as input`,
      [actionNames, limit],
      { name: "engine_action_log_take" },
    );
    return rows.map((row) => ({
      id: row.id,
      actionName: row.action_name,
      session: row.session_variables,
      headers: row.request_headers,
      inputJson: row.input,
    }));
  },
  complete: async (id, output) => {
    await database.query(
      `update hdb_catalog.hdb_action_log
       set response_payload = $2::jsonb, status = 'completed', response_received_at = now()
       where id = $1::uuid`,
      [id, rawToJson(output)],
    );
  },
  fail: async (id, error) => {
    await database.query(
      `update hdb_catalog.hdb_action_log
       set errors = $2::jsonb, status = 'error', response_received_at = now()
       where id = $1::uuid`,
      [id, JSON.stringify(error)],
    );
  },
  release: async (ids) => {
    await database.query(
      `update hdb_catalog.hdb_action_log
       set status = 'created'
       where status = 'processing' and id = any($1::uuid[])`,
      [ids],
    );
  },
  releaseAbandoned: async (actionName, olderThanSeconds) => {
    await database.query(
      `update hdb_catalog.hdb_action_log
       set status = 'created'
       where status = 'processing'
         and action_name = $1
         and created_at < now() - make_interval(secs => $2)`,
      [actionName, olderThanSeconds],
    );
  },
});
