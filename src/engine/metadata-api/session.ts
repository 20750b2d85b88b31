import type { Database, Queryable, Transaction } from "../../core/index.ts";
import type { Catalog } from "../catalog/index.ts";
import { inheritanceConflict, type Inconsistency } from "../consistency/inconsistency.ts";
import { HasuraError } from "../errors.ts";
import { type QualifiedName, qualifiedKey } from "../metadata/index.ts";
import type { SessionVariables } from "../transforms/index.ts";
import type { ChangeCommand, Effect } from "./command.ts";
import { type Draft, entriesOf, isEntry, readName } from "./document.ts";
import { followColumnRename, followTableRename } from "./renames.ts";
import { needsCheck, mayChangeSchema, runSql, type SqlArguments } from "./run-sql.ts";
import { followDrops, renamedColumns } from "./schema-changes.ts";

export interface SessionDeps {
  readonly database: Database;
  readonly readCatalog: (db: Queryable, document: Draft) => Promise<Catalog>;
  readonly check: (document: Draft, catalog: Catalog) => readonly Inconsistency[];
}

export interface SessionStart {
  readonly document: Draft;
  readonly inconsistencies: readonly Inconsistency[];
}

export interface SessionMark {
  readonly document: Draft;
  readonly inconsistencies: readonly Inconsistency[];
  readonly catalog: Catalog | undefined;
}

/** One query after the other: a transaction has one connection, and the reader of the catalog asks for all at once. */
const oneByOne = (db: Queryable): Queryable => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    query: (...query) => {
      const next = last.then(() => db.query(...query));
      last = next.catch(() => undefined);
      return next as never;
    },
  };
};

const identityOf = (inconsistency: Inconsistency): string =>
  `${inconsistency.name ?? inconsistency.type} ${inconsistency.reason}`;

const enumTables = (document: Draft): string =>
  JSON.stringify(
    document.sources.flatMap((source) =>
      entriesOf(source["tables"])
        .filter((entry) => entry["is_enum"] === true)
        .map((entry) => entry["table"]),
    ),
  );

/** Who is at fault: the object of the command by its own reason, another one by Hasura's summary. */
export const refuseNew = (
  before: readonly Inconsistency[],
  after: readonly Inconsistency[],
  object: string | undefined,
): void => {
  const known = new Set(before.map(identityOf));
  const fresh = after.filter(
    (inconsistency) => inconsistency.type !== inheritanceConflict && !known.has(identityOf(inconsistency)),
  );
  if (fresh.length === 0) return;
  const own = fresh.filter(({ name }) => name !== undefined && name === object);
  throw new HasuraError(
    own.length > 0
      ? {
          message: own.map(({ reason }) => reason).join(", "),
          code: "invalid-configuration",
          path: "$.args",
          internal: own,
        }
      : {
          message: "cannot continue due to new inconsistent metadata",
          code: "unexpected",
          path: "$.args",
          internal: fresh,
        },
  );
};

/**
 * The commands of one request, each on what the one before left. Nobody sees anything of it until the session is
 * committed as a whole; only SQL is committed at once, as in Hasura.
 */
export class ChangeSession {
  document: Draft;
  inconsistencies: readonly Inconsistency[];
  /** Whether the schema has to be built again even though the document is the same. */
  stale = false;
  /** What turns out inconsistent when the schema is built may stay so: as asked, or because nothing was changed. */
  allowInconsistent = false;
  /** Who asks; an event that is made by hand carries it. */
  variables: SessionVariables = {};
  /** The metadata came as a whole, and all of it has to fit unless it was allowed not to. */
  replaced = false;
  readonly effects: Effect[] = [];
  readonly #deps: SessionDeps;
  readonly #start: Draft;
  #catalog: Catalog | undefined;
  #object: string | undefined;

  constructor(deps: SessionDeps, start: SessionStart) {
    this.#deps = deps;
    this.#start = start.document;
    this.document = start.document;
    this.inconsistencies = start.inconsistencies;
  }

  get changed(): boolean {
    return this.document !== this.#start;
  }

  /** The object of the last command. */
  get object(): string | undefined {
    return this.#object;
  }

  async catalog(): Promise<Catalog> {
    this.#catalog ??= await this.#deps.readCatalog(this.#deps.database, this.document);
    return this.#catalog;
  }

  /** The database is read again, as after a migration. */
  refresh(): void {
    this.#catalog = undefined;
    this.stale = true;
  }

  mark(): SessionMark {
    return { document: this.document, inconsistencies: this.inconsistencies, catalog: this.#catalog };
  }

  restore(mark: SessionMark): void {
    this.document = mark.document;
    this.inconsistencies = mark.inconsistencies;
    this.#catalog = mark.catalog;
  }

  async change(command: ChangeCommand, args: unknown): Promise<unknown> {
    const draft = structuredClone(this.document);
    const result = command(draft, args, { catalog: await this.catalog() });
    const enums = enumTables(draft) !== enumTables(this.document);
    const catalog = enums ? await this.#deps.readCatalog(this.#deps.database, draft) : await this.catalog();
    const inconsistencies = this.#deps.check(draft, catalog);
    if (result.tolerant !== true) refuseNew(this.inconsistencies, inconsistencies, result.object);
    this.#object = result.object;
    this.replace(draft, catalog, inconsistencies);
    this.effects.push(...(result.effects ?? []));
    return result.answer ?? { message: "success" };
  }

  replace(document: Draft, catalog: Catalog, inconsistencies: readonly Inconsistency[]): void {
    this.document = document;
    this.#catalog = catalog;
    this.inconsistencies = inconsistencies;
  }

  async sql(args: SqlArguments): Promise<unknown> {
    const { database } = this.#deps;
    if (!mayChangeSchema(args) && !needsCheck(args)) return runSql(database, args);
    const before = await this.catalog();
    const names = await this.#tableNames(database);
    let next: { document: Draft; catalog: Catalog; inconsistencies: readonly Inconsistency[] } | undefined;
    const answer = await runSql(database, args, async (tx) => {
      next = await this.#afterSql(tx, args, before, names);
    });
    if (next !== undefined) {
      if (JSON.stringify(next.document) !== JSON.stringify(this.document)) {
        this.replace(next.document, next.catalog, next.inconsistencies);
      } else {
        this.replace(this.document, next.catalog, next.inconsistencies);
      }
    }
    this.stale = true;
    return answer;
  }

  /** By oid, which a table keeps when it is renamed. */
  async #tableNames(db: Queryable): Promise<ReadonlyMap<string, QualifiedName>> {
    const tracked = this.document.sources.flatMap((source) =>
      entriesOf(source["tables"]).map((entry) => qualifiedKey(readName(entry["table"]))),
    );
    const rows = await db.query<{ readonly oid: string; readonly schema: string; readonly name: string }>(
      `select c.oid::text as oid, n.nspname as schema, c.relname as name
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       where n.nspname || '.' || c.relname = any($1::text[])`,
      [tracked],
    );
    return new Map(rows.map(({ oid, schema, name }) => [oid, { schema, name }]));
  }

  async #afterSql(
    tx: Transaction,
    args: SqlArguments,
    before: Catalog,
    names: ReadonlyMap<string, QualifiedName>,
  ): Promise<{ document: Draft; catalog: Catalog; inconsistencies: readonly Inconsistency[] }> {
    const draft = structuredClone(this.document);
    const catalog = await this.#deps.readCatalog(oneByOne(tx), draft);
    if (!needsCheck(args))
      return { document: draft, catalog, inconsistencies: this.#deps.check(draft, catalog) };
    const moved = await tx.query<{ readonly oid: string; readonly schema: string; readonly name: string }>(
      `select c.oid::text as oid, n.nspname as schema, c.relname as name
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       where c.oid::text = any($1::text[])`,
      [[...names.keys()]],
    );
    const old = new Map(before.tables);
    for (const { oid, schema, name } of moved) {
      const was = names.get(oid);
      if (was === undefined || qualifiedKey(was) === qualifiedKey({ schema, name })) continue;
      followTableRename(draft, was, { schema, name });
      const info = old.get(qualifiedKey(was));
      old.delete(qualifiedKey(was));
      if (info !== undefined) old.set(`${schema}.${name}`, { ...info, schema, name });
    }
    const renamedBefore: Catalog = { ...before, tables: old };
    for (const [key, info] of old) {
      const after = catalog.tables.get(key);
      if (after === undefined) continue;
      for (const [from, to] of renamedColumns(info, after)) {
        followColumnRename(draft, renamedBefore, { table: info, from, to });
      }
    }
    followDrops(draft, renamedBefore, catalog, args.cascade);
    const inconsistencies = this.#deps.check(draft, catalog);
    refuseNew(this.inconsistencies, inconsistencies, undefined);
    return { document: draft, catalog, inconsistencies };
  }
}

/** Whether any table has an event trigger, which needs the outbox in the database. */
export const hasEventTriggers = (document: Draft): boolean =>
  document.sources.some((source) =>
    entriesOf(source["tables"]).some(
      (table) =>
        isEntry(table) && Array.isArray(table["event_triggers"]) && table["event_triggers"].length > 0,
    ),
  );
