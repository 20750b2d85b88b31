import type { Param, Statement } from "../sql/builder.ts";
import type { InsertNode, PlannedField, PlannedOperation, WritePlan } from "./types.ts";

/** A statement of a root field, and where each `$n` of it takes its text from. */
export interface ExplainedStatement {
  /** The root field's name in the answer. */
  readonly field: string;
  readonly sql: string;
  readonly parameters: readonly ExplainedParameter[];
}

export type ExplainedParameter =
  | { readonly from: "value"; readonly value: string | null }
  | { readonly from: "session"; readonly name: string }
  | { readonly from: "session_variables" | "inserted_rows" };

const explainParam = (param: Param, planned: PlannedOperation): ExplainedParameter => {
  switch (param.kind) {
    case "value":
      return { from: "value", value: param.value };
    case "variable":
      return { from: "value", value: param.read(planned.variables) };
    case "session":
      return { from: "session", name: param.name };
    case "session_all":
      return { from: "session_variables" };
    case "rows":
    case "affected":
      return { from: "inserted_rows" };
  }
};

type Keys = ReadonlyMap<string, string | null>;

/** In the order of execution, one statement a row; keys of rows written before are not known yet and stand as null. */
const insertStatements = (node: InsertNode, keys: Keys): readonly Statement[] => {
  if (!node.nested) return node.rows.length === 0 ? [] : [node.compile(node.rows, keys)];
  return node.rows.flatMap((row) => {
    const before = row.before.flatMap(({ mapping }) => mapping.map(({ from }) => [from, null] as const));
    return [
      ...row.before.flatMap((nested) => insertStatements(nested.node, new Map())),
      node.compile([row], new Map([...keys, ...before])),
      ...row.after.flatMap((nested) =>
        insertStatements(nested.node, new Map(nested.mapping.map(({ to }) => [to, null]))),
      ),
    ];
  });
};

const writeStatements = (plan: WritePlan): readonly Statement[] => {
  switch (plan.kind) {
    case "fixed":
      return [];
    case "write":
      return [plan.statement];
    case "write_many":
      return plan.statements.flatMap((statement) => ("fixed" in statement ? [] : [statement]));
    case "nested_insert":
      return [...insertStatements(plan.insert, new Map()), plan.answer];
  }
};

const statementsOf = ({ plan }: PlannedField): readonly Statement[] => {
  switch (plan.kind) {
    case "sql":
      return [plan.statement];
    case "action":
    case "action_result":
    case "introspection":
    case "typename":
      return [];
    default:
      return writeStatements(plan);
  }
};

/** What a planned operation would send to Postgres; an action sends nothing. */
export const listStatements = (planned: PlannedOperation): readonly ExplainedStatement[] =>
  planned.fields.flatMap((field) =>
    statementsOf(field).map((statement) => ({
      field: field.alias,
      sql: statement.text,
      parameters: statement.params.map((param) => explainParam(param, planned)),
    })),
  );
