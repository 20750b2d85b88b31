import type { BatchStatement, Database, Transaction } from "../../core/index.ts";
import type {
  ActionFieldPlan,
  ActionResultPlan,
  InputValidation,
  PlannedField,
  PlannedOperation,
  SqlFieldPlan,
  WritePlan,
} from "../plan/index.ts";
import type { Variables } from "../sql/builder.ts";
import { combinedColumn } from "../sql/combine.ts";
import { answerJson } from "./answer-json.ts";
import { checkFailed, insertNested } from "./nested-insert.ts";
import { fromPostgresError } from "./postgres-errors.ts";
import {
  batchStatement,
  type ExecutionSession,
  runStatement,
  sessionJson,
  type StatementContext,
} from "./statement.ts";

/** Calls an action, or tells what became of a call; the answer is the JSON text of the field. */
export type RunAction = (plan: ActionFieldPlan | ActionResultPlan) => Promise<string>;

export interface ExecuteOperationInput {
  readonly planned: PlannedOperation;
  readonly session: ExecutionSession;
  readonly db: Database;
  readonly runAction: RunAction;
  /** Asks the webhook of a permission; throws its refusal. */
  readonly validateInput: (validation: InputValidation, variables: Variables) => Promise<void>;
}

interface RootRow {
  readonly root: string | null;
  readonly ok?: boolean;
}

const runWrite = async (tx: Transaction, plan: WritePlan, context: StatementContext): Promise<string> => {
  switch (plan.kind) {
    case "fixed":
      return plan.json;
    case "write": {
      const [row] = await runStatement<RootRow>(tx, plan.statement, context, plan.errorPath);
      if (row?.ok === false) throw checkFailed(plan.checkPath);
      return row?.root ?? "null";
    }
    case "write_many": {
      const answers: string[] = [];
      for (const statement of plan.statements) {
        if ("fixed" in statement) {
          answers.push(statement.fixed);
          continue;
        }
        const [row] = await runStatement<RootRow>(tx, statement, context, plan.errorPath);
        if (row?.ok === false) throw checkFailed(plan.checkPath);
        answers.push(row?.root ?? "null");
      }
      return `[${answers.join(",")}]`;
    }
    case "nested_insert": {
      const result = await insertNested(tx, plan.insert, new Map(), context);
      const rows = {
        json: `[${result.rows.map((row) => String(row["c.row"])).join(",")}]`,
        count: result.affected,
      };
      const [answer] = await runStatement<RootRow>(tx, plan.answer, { ...context, rows }, plan.errorPath);
      return answer?.root ?? "null";
    }
  }
};

type WriteField = PlannedField & { readonly plan: WritePlan };
type ReadField = PlannedField & { readonly plan: SqlFieldPlan };

const isWrite = (field: PlannedField): field is WriteField =>
  ["write", "write_many", "nested_insert", "fixed"].includes(field.plan.kind);

const isRead = (field: PlannedField): field is ReadField => field.plan.kind === "sql";

interface SingleWrite {
  readonly plan: WritePlan & { readonly kind: "write" };
}

const isSingleWrite = (field: WriteField): field is WriteField & SingleWrite => field.plan.kind === "write";

const sessionStatement = (session: ExecutionSession): BatchStatement => ({
  text: "select set_config('hasura.user', $1, true)",
  values: [sessionJson(session)],
  name: "engine_session",
});

/**
 * Writes of one statement each, sent with the session setting as one message: begin, setting, write and commit one after
 * the other took four ways to Postgres and back, this takes two.
 */
const runTogether = async (
  input: ExecuteOperationInput,
  fields: readonly (WriteField & SingleWrite)[],
  context: StatementContext,
): Promise<readonly string[]> => {
  const answers: string[] = [];
  let accepted = 0;
  const statements = fields.map(({ plan }) => batchStatement(plan.statement, context, plan.errorPath));
  try {
    await input.db.batch([sessionStatement(input.session), ...statements], (index, rows) => {
      accepted = index + 1;
      const plan = fields[index - 1]?.plan;
      if (plan === undefined) return;
      const row = rows[0] as unknown as RootRow | undefined;
      if (row?.ok === false) throw checkFailed(plan.checkPath);
      answers[index - 1] = row?.root ?? "null";
    });
  } catch (error) {
    // Deferred constraints speak at commit.
    throw fromPostgresError(error, fields[accepted - 1]?.plan.errorPath ?? "$");
  }
  return answers;
};

/** Writes that stand side by side share a transaction, and with it the session setting triggers read. */
const runTransaction = async (
  input: ExecuteOperationInput,
  fields: readonly WriteField[],
  context: StatementContext,
): Promise<readonly string[]> => {
  if (fields.every(isSingleWrite)) return runTogether(input, fields, context);
  try {
    return await input.db.transaction(async (tx) => {
      const { text, values, name } = sessionStatement(input.session);
      await tx.query(text, values, name === undefined ? {} : { name });
      const answers: string[] = [];
      for (const field of fields) answers.push(await runWrite(tx, field.plan, context));
      return answers;
    });
  } catch (error) {
    // Deferred constraints speak at commit.
    throw fromPostgresError(error, "$");
  }
};

const runOther = async (
  input: ExecuteOperationInput,
  field: PlannedField,
  context: StatementContext,
): Promise<string> => {
  const { plan } = field;
  if (isRead(field)) {
    const [row] = await runStatement<RootRow>(input.db, field.plan.statement, context, field.plan.errorPath);
    return row?.root ?? "null";
  }
  if (plan.kind === "action" || plan.kind === "action_result") return input.runAction(plan);
  if (plan.kind === "introspection") return plan.json;
  return plan.kind === "typename" ? JSON.stringify(plan.name) : "null";
};

/** Runs a planned operation; the answer is the JSON text of `data`, as Postgres wrote it. */
export const executeOperation = async (input: ExecuteOperationInput): Promise<string> => {
  const { planned } = input;
  const context: StatementContext = { variables: planned.variables, session: input.session };
  const { fields } = planned;
  const answers = new Array<string>(fields.length);
  if (planned.operation === "mutation") {
    // All of them before anything is written or called, in document order, as in Hasura.
    for (const validation of fields.filter(isWrite).flatMap(({ plan }) => plan.validations ?? [])) {
      await input.validateInput(validation, planned.variables);
    }
    for (let index = 0; index < fields.length;) {
      const run: WriteField[] = [];
      for (let next = index; next < fields.length; next += 1) {
        const field = fields[next];
        if (!field || !isWrite(field)) break;
        run.push(field);
      }
      if (run.length > 0) {
        const texts = await runTransaction(input, run, context);
        texts.forEach((text, offset) => (answers[index + offset] = text));
        index += run.length;
      } else {
        const field = fields[index];
        if (field) answers[index] = await runOther(input, field, context);
        index += 1;
      }
    }
  } else {
    const { reads } = planned;
    // Several reads answer together; the promise is shared by the fields below.
    const together =
      reads && runStatement<Readonly<Record<string, string | null>>>(input.db, reads, context, "$");
    const readFields = fields.filter(isRead);
    await Promise.all(
      fields.map(async (field, index) => {
        if (together === undefined || !isRead(field)) {
          answers[index] = await runOther(input, field, context);
          return;
        }
        const [row] = await together;
        answers[index] = row?.[combinedColumn(readFields.indexOf(field))] ?? "null";
      }),
    );
  }
  return answerJson(fields, (_, index) => answers[index] ?? "null");
};
