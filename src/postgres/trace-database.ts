import { type Attributes, SpanKind } from "@opentelemetry/api";
import {
  type Database,
  inChildSpan,
  type Queryable,
  type QueryOptions,
  type Transaction,
} from "../core/index.ts";

/** The first word of a statement; the rest may hold what people wrote, in `run_sql` for example. */
const operationOf = (text: string): string => /^\s*([a-z]{1,16})\b/iu.exec(text)?.[1]?.toLowerCase() ?? "sql";

const attributesOf = (operation: string, name: string | undefined): Attributes => ({
  "db.system.name": "postgresql",
  "db.operation.name": operation,
  ...(name === undefined ? {} : { "db.stored_statement.name": name }),
});

const traceQuery =
  (queryable: Queryable): Queryable["query"] =>
  <R>(text: string, values?: readonly unknown[], options?: QueryOptions) =>
    inChildSpan(
      "postgres statement",
      { kind: SpanKind.CLIENT, attributes: () => attributesOf(operationOf(text), options?.name) },
      () => queryable.query<R>(text, values, options),
    );

const traceTransaction = (tx: Transaction): Transaction => ({
  query: traceQuery(tx),
  script: (text) => tx.script(text),
  scriptRows: (text) => tx.scriptRows(text),
  copy: (text, rows) =>
    inChildSpan(
      "postgres copy",
      { kind: SpanKind.CLIENT, attributes: () => attributesOf("copy", undefined) },
      () => tx.copy(text, rows),
    ),
});

/**
 * A span for each statement of what is traced: what kind it is, and by what name it is prepared; neither its text nor its values.
 * The wait for a session is part of it.
 */
export const traceDatabase = (database: Database): Database => ({
  query: traceQuery(database),
  transaction: (work) =>
    inChildSpan(
      "postgres transaction",
      { kind: SpanKind.CLIENT, attributes: () => ({ "db.system.name": "postgresql" }) },
      (span) => database.transaction((tx) => work(span === undefined ? tx : traceTransaction(tx))),
    ),
  batch: (statements, accept) =>
    inChildSpan(
      "postgres batch",
      {
        kind: SpanKind.CLIENT,
        attributes: () => ({
          "db.system.name": "postgresql",
          "db.operation.batch.size": statements.length,
        }),
      },
      () => database.batch(statements, accept),
    ),
  close: () => database.close(),
});
