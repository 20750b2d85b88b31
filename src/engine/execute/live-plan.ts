import type { PlannedOperation } from "../plan/index.ts";
import type { Statement } from "../sql/builder.ts";
import { combinedColumn } from "../sql/combine.ts";
import { answerJson } from "./answer-json.ts";
import { bindAll, type ExecutionSession } from "./statement.ts";

export type LiveRow = Readonly<Record<string, string | null>>;

/** A subscription as one statement and its values; the statement says nothing of who asks, so that many can share it. */
export interface LivePlan {
  readonly kind: "sql";
  readonly statement: Statement;
  readonly values: readonly (string | null)[];
  /** What the answer looks like around the values of the statement: the names of its fields. */
  readonly shape: string;
  /** JSON text of `data`. */
  readonly answer: (row: LiveRow) => string;
  /** Of a stream: the value that moves on to the column "cursor" of the batch before. */
  readonly cursorParam: number | undefined;
}

/** Undefined when something beside reads is asked for. */
export const livePlanOf = (planned: PlannedOperation, session: ExecutionSession): LivePlan | undefined => {
  const { fields } = planned;
  const reads = fields.flatMap(({ plan }) => (plan.kind === "sql" ? [plan] : []));
  const [first] = reads;
  const others = fields.some(({ plan }) => plan.kind !== "sql" && plan.kind !== "typename");
  if (first === undefined || others) return undefined;
  const statement = planned.reads ?? first.statement;
  if (planned.reads === undefined && reads.length > 1) return undefined;
  const column = new Map(
    reads.map((plan, index) => [plan, planned.reads === undefined ? "root" : combinedColumn(index)]),
  );
  return {
    kind: "sql",
    statement,
    values: bindAll(statement, { variables: planned.variables, session }),
    shape: JSON.stringify(fields.map(({ alias, namespace, plan }) => [namespace, alias, plan.kind])),
    cursorParam: first.cursorParam,
    answer: (row) =>
      answerJson(fields, ({ plan }) => {
        if (plan.kind === "typename") return JSON.stringify(plan.name);
        const name = plan.kind === "sql" ? column.get(plan) : undefined;
        return (name === undefined ? null : row[name]) ?? "null";
      }),
  };
};
