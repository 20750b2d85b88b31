import type { Queryable } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import type { InsertNode, InsertRow, NestedInsert } from "../plan/types.ts";
import { runStatement, type StatementContext } from "./statement.ts";

type WrittenRow = Readonly<Record<string, string | boolean | null>>;

export interface NestedResult {
  readonly rows: readonly WrittenRow[];
  readonly affected: number;
}

const NOTHING: ReadonlyMap<string, string | null> = new Map();

export const checkFailed = (path: string): HasuraError =>
  new HasuraError({
    message: "check constraint of an insert/update permission has failed",
    code: "permission-error",
    path,
  });

const insertRows = async (
  db: Queryable,
  node: InsertNode,
  rows: readonly InsertRow[],
  extra: ReadonlyMap<string, string | null>,
  context: StatementContext,
): Promise<readonly WrittenRow[]> => {
  const written = await runStatement<WrittenRow>(db, node.compile(rows, extra), context, node.path);
  if (written.some((row) => row["c.check"] !== true)) throw checkFailed(node.path);
  return written;
};

const valueOf = (row: WrittenRow, column: string): string | null => {
  const value = row[`v.${column}`];
  return typeof value === "string" ? value : null;
};

const insertBefore = async (
  db: Queryable,
  nested: NestedInsert,
  extra: Map<string, string | null>,
  context: StatementContext,
): Promise<number> => {
  const result = await insertNested(db, nested.node, NOTHING, context);
  const [row] = result.rows;
  if (!row) {
    throw new HasuraError({
      message: "cannot proceed to insert object relation since insert to table affects zero rows",
      code: "not-supported",
      path: nested.node.path,
    });
  }
  for (const pair of nested.mapping) extra.set(pair.from, valueOf(row, pair.to));
  return result.affected;
};

/** Writes rows and what hangs on them: referred-to rows first, referring rows last. */
export const insertNested = async (
  db: Queryable,
  node: InsertNode,
  extra: ReadonlyMap<string, string | null>,
  context: StatementContext,
): Promise<NestedResult> => {
  if (node.rows.length === 0) return { rows: [], affected: 0 };
  if (!node.nested) {
    const rows = await insertRows(db, node, node.rows, extra, context);
    return { rows, affected: rows.length };
  }
  const rows: WrittenRow[] = [];
  let affected = 0;
  for (const row of node.rows) {
    const own = new Map(extra);
    for (const nested of row.before) affected += await insertBefore(db, nested, own, context);
    const [written] = await insertRows(db, node, [row], own, context);
    if (!written) {
      if (row.after.length === 0) continue;
      throw new HasuraError({
        message: "cannot proceed to insert array relations since insert to table affects zero rows",
        code: "not-supported",
        path: node.path,
      });
    }
    rows.push(written);
    affected += 1;
    for (const nested of row.after) {
      const keys = new Map(nested.mapping.map((pair) => [pair.to, valueOf(written, pair.from)]));
      affected += (await insertNested(db, nested.node, keys, context)).affected;
    }
  }
  return { rows, affected };
};
