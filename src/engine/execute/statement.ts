import { createHash } from "node:crypto";
import type { BatchStatement, Queryable } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import type { Statement, Variables } from "../sql/builder.ts";
import { fromPostgresError } from "./postgres-errors.ts";

/** Who asks: the role and every session variable, names lower-cased. */
export interface ExecutionSession {
  readonly role: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface StatementContext {
  readonly variables: Variables;
  readonly session: ExecutionSession;
  /** Values for the answer of a nested insert. */
  readonly rows?: { readonly json: string; readonly count: number };
}

export const sessionJson = (session: ExecutionSession): string =>
  JSON.stringify({ ...session.variables, "x-hasura-role": session.role });

/** The values of a statement for one request, in the order of its parameters. */
export const bindAll = (statement: Statement, context: StatementContext): readonly (string | null)[] =>
  statement.params.map((param) => {
    switch (param.kind) {
      case "value":
        return param.value;
      case "variable":
        return param.read(context.variables);
      case "session": {
        if (param.name === "x-hasura-role") return context.session.role;
        const value = context.session.variables[param.name];
        if (value === undefined) {
          throw new HasuraError({
            message: `missing session variable: "${param.name}"`,
            code: "not-found",
            path: "$",
          });
        }
        return value;
      }
      case "session_all":
        return sessionJson(context.session);
      case "rows":
        return context.rows?.json ?? "[]";
      case "affected":
        return String(context.rows?.count ?? 0);
    }
  });

const names = new WeakMap<Statement, string>();

/**
 * A statement earns a name when its plan is used a second time. What is prepared under names that come no more, the database
 * port has to let go of.
 */
const nameOf = (statement: Statement): string | undefined => {
  const known = names.get(statement);
  if (known === undefined) {
    names.set(statement, "");
    return undefined;
  }
  if (known !== "") return known;
  const name = `engine_${createHash("sha256").update(statement.text).digest("hex").slice(0, 32)}`;
  names.set(statement, name);
  return name;
};

/** What a count of 16 bits in Postgres's protocol can say; beyond it the driver would write nonsense. */
const mostValues = 65_535;

const refuseTooMany = (values: readonly unknown[], errorPath: string): void => {
  if (values.length > mostValues) {
    throw new HasuraError({
      message: `a statement holds at most ${String(mostValues)} values, this one has ${String(values.length)}`,
      code: "data-exception",
      path: errorPath,
    });
  }
};

/** A statement of a batch, with the values of this request. */
export const batchStatement = (
  statement: Statement,
  context: StatementContext,
  errorPath: string,
): BatchStatement => {
  const values = bindAll(statement, context);
  refuseTooMany(values, errorPath);
  return { text: statement.text, values, name: nameOf(statement) };
};

/** Runs a statement with values that are bound already. */
export const runWithValues = async <R>(
  db: Queryable,
  statement: Statement,
  values: readonly unknown[],
  errorPath: string,
): Promise<readonly R[]> => {
  refuseTooMany(values, errorPath);
  const name = nameOf(statement);
  try {
    return await db.query<R>(statement.text, values, name === undefined ? {} : { name });
  } catch (error) {
    throw fromPostgresError(error, errorPath);
  }
};

/** Runs a statement with the values of this request. */
export const runStatement = <R>(
  db: Queryable,
  statement: Statement,
  context: StatementContext,
  errorPath: string,
): Promise<readonly R[]> => runWithValues<R>(db, statement, bindAll(statement, context), errorPath);
