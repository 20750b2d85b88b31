import type { Database } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import { rawToJson, type Raw } from "../json/index.ts";
import type { EventTriggerMeta, QualifiedName } from "../metadata/types.ts";
import type { SessionVariables } from "../transforms/index.ts";

/** `pg_redeliver_event`: the event is as if it had never been tried. */
export const redeliverEvent = async (database: Database, id: string): Promise<void> => {
  await database.transaction(async (tx) => {
    const [event] = await tx.query<{ readonly busy: boolean | null }>(
      `select locked >= now() - interval '30 minutes' as busy
       from hdb_catalog.event_log
       where id = $1
       for update`,
      [id],
    );
    if (event === undefined) {
      throw new HasuraError({ message: "event not found", code: "not-exists", path: "$.args.event_id" });
    }
    if (event.busy === true) {
      throw new HasuraError({
        message: "event is already being processed",
        code: "busy",
        path: "$.args.event_id",
      });
    }
    await tx.query(
      `update hdb_catalog.event_log
       set delivered = false, error = false, tries = 0, next_retry_at = null
       where id = $1`,
      [id],
    );
  });
};

export interface ManualEvent {
  readonly table: QualifiedName;
  readonly trigger: EventTriggerMeta;
  readonly payload: Raw;
  readonly session: SessionVariables;
}

/** `pg_invoke_event_trigger`: an event of the administrator's own making; answers with its id. */
export const invokeEventTrigger = async (
  database: Database,
  { table, trigger, payload, session }: ManualEvent,
): Promise<string> => {
  if (!trigger.enableManual) {
    throw new HasuraError({
      message: `manual mode is not enabled for event trigger "${trigger.name}"`,
      code: "not-supported",
      path: "$.args.name",
    });
  }
  return database.transaction(async (tx) => {
    await tx.query("select set_config('hasura.user', $1, true)", [JSON.stringify(session)]);
    const [row] = await tx.query<{ readonly id: string }>(
      "select hdb_catalog.insert_event_log($1, $2, $3, 'MANUAL', $4::json) as id",
      [table.schema, table.name, trigger.name, `{"old":null,"new":${rawToJson(payload)}}`],
    );
    if (row === undefined) throw new HasuraError({ message: "internal error", code: "unexpected" });
    return row.id;
  });
};
