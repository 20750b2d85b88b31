import { ensureHdbCatalog, type Database, type Transaction } from "../../core/index.ts";
import { ident } from "../sql/quote.ts";
import type { OutboxTrigger } from "./event-trigger-sql.ts";

interface InstalledRow {
  readonly name: string;
  readonly body: string;
  readonly relation: string | null;
  readonly enabled: string | null;
}

const hasOutbox = async (tx: Transaction): Promise<boolean> => {
  const [row] = await tx.query<{ readonly present: boolean }>(
    "select to_regclass('hdb_catalog.event_log') is not null as present",
  );
  return row?.present === true;
};

const prefix = "notify_hasura_";

const installed = (tx: Transaction): Promise<readonly InstalledRow[]> =>
  tx.query<InstalledRow>(
    `select
       fn.proname as name,
       fn.prosrc as body,
       quote_ident(schema.nspname) || '.' || quote_ident(class.relname) as relation,
       trigger.tgenabled::text as enabled
     from pg_proc fn
     join pg_namespace home on home.oid = fn.pronamespace
     left join pg_trigger trigger on trigger.tgfoid = fn.oid
     left join pg_class class on class.oid = trigger.tgrelid
     left join pg_namespace schema on schema.oid = class.relnamespace
     where home.nspname = 'hdb_catalog' and starts_with(fn.proname, $1)`,
    [prefix],
  );

const unquoted = (name: string): string => name.replaceAll('"', "");

const isSame = (row: InstalledRow, wanted: OutboxTrigger): boolean =>
  row.body === wanted.body &&
  row.relation !== null &&
  unquoted(row.relation) === unquoted(wanted.table) &&
  row.enabled === (wanted.always ? "A" : "O");

/** The trigger's name inside the name of its function. */
const triggerOf = (name: string): string =>
  name.slice(prefix.length).replace(/_(?:INSERT|UPDATE|DELETE)$/, "");

/**
 * Makes the triggers in the database those of the metadata. What stands already is left alone, so that a start takes no
 * lock on a table; what is no longer wanted goes, and its events are archived, as Hasura does with a dropped trigger.
 */
export const installOutbox = async (
  database: Database,
  wanted: readonly OutboxTrigger[],
): Promise<readonly string[]> =>
  database.transaction(async (tx) => {
    // Clearing the metadata takes the outbox away; it comes back with the first trigger.
    if (wanted.length === 0 && !(await hasOutbox(tx))) return [];
    await ensureHdbCatalog(tx);
    const present = await installed(tx);
    const names = new Set(wanted.map((trigger) => trigger.name));
    const kept = new Set(wanted.map((trigger) => trigger.trigger));
    const stale = [...new Set(present.map((row) => row.name))].filter((name) => !names.has(name));
    for (const name of stale) await tx.query(`drop function hdb_catalog.${ident(name)}() cascade`);
    const gone = [...new Set(stale.map(triggerOf))].filter((name) => !kept.has(name));
    if (gone.length > 0) {
      await tx.query(
        `update hdb_catalog.event_log
         set archived = true
         where trigger_name = any($1::text[]) and not archived`,
        [gone],
      );
    }
    for (const trigger of wanted) {
      const same = present.filter((row) => row.name === trigger.name && isSame(row, trigger));
      if (same.length === 1) continue;
      for (const statement of trigger.statements) await tx.query(statement);
    }
    return gone;
  });
