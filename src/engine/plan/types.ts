import type { ActionMeta, ValidateInput } from "../metadata/types.ts";
import type { RoleTable } from "../schema/types.ts";
import type { Statement, Variables } from "../sql/builder.ts";
import type { Raw } from "../sql/raw.ts";
import type { Input } from "./input.ts";

/** A query's root field: one statement whose only column is the JSON text. */
export interface SqlFieldPlan {
  readonly kind: "sql";
  readonly statement: Statement;
  readonly errorPath: string;
  /** Of a stream: the parameter that becomes the column "cursor" of the batch before. */
  readonly cursorParam?: number;
}

/** Rows of one table to insert, with the rows that hang on them. Column values are SQL and parameters. */
export interface InsertNode {
  readonly table: RoleTable;
  readonly rows: readonly InsertRow[];
  /** Writes the statement for these rows, given values that come from rows inserted before. */
  readonly compile: (rows: readonly InsertRow[], extra: ReadonlyMap<string, string | null>) => Statement;
  /** Where the rows stand in the request, for errors. */
  readonly path: string;
  /** Relationships below any row. */
  readonly nested: boolean;
}

export interface InsertRow {
  readonly values: ReadonlyMap<string, Input>;
  /** Rows that this one refers to, written before it. */
  readonly before: readonly NestedInsert[];
  /** Rows that refer to this one, written after it. */
  readonly after: readonly NestedInsert[];
}

export interface NestedInsert {
  /** The relationship, and whether it leads to one row. */
  readonly name: string;
  readonly single: boolean;
  readonly mapping: readonly { readonly from: string; readonly to: string }[];
  readonly node: InsertNode;
}

/** What a webhook is asked before anything of the request is written. */
export interface InputValidation {
  readonly validation: ValidateInput;
  readonly input: (variables: Variables) => Raw;
}

export type WritePlan = WriteSteps & { readonly validations?: readonly InputValidation[] };

type WriteSteps =
  | {
      readonly kind: "write";
      readonly statement: Statement;
      readonly errorPath: string;
      readonly checkPath: string;
    }
  /** Updates of `update_x_many`, one after the other; the answer is the list of theirs. */
  | {
      readonly kind: "write_many";
      readonly statements: readonly (Statement | { readonly fixed: string })[];
      readonly errorPath: string;
      readonly checkPath: string;
    }
  | {
      readonly kind: "nested_insert";
      readonly insert: InsertNode;
      /** Reads the answer from the inserted rows (a JSON list as `rows`) and the number of affected rows. */
      readonly answer: Statement;
      readonly errorPath: string;
      readonly checkPath: string;
    }
  /** Nothing to do: the answer stands already. */
  | { readonly kind: "fixed"; readonly json: string };

export interface ActionSelection {
  readonly key: string;
  readonly name: string;
  /** Null for a leaf. */
  readonly selection: readonly ActionSelection[] | null;
  /** Set for `__typename`. */
  readonly typename?: string;
  /** A table that hangs on the output: one row for each parent of the statement's `rows`, in their order. */
  readonly join?: { readonly statement: Statement; readonly errorPath: string };
}

export interface ActionFieldPlan {
  readonly kind: "action";
  readonly action: ActionMeta;
  /** The arguments of this request. */
  readonly input: Readonly<Record<string, Raw>>;
  /** The same of another request for which the plan is used again; throws on values that do not fit. */
  readonly read: (variables: Variables) => Readonly<Record<string, Raw>>;
  /** The fields asked of the output; null when the output is a scalar. */
  readonly selection: readonly ActionSelection[] | null;
  readonly path: string;
}

/** What became of an asynchronous action, by the id that it answered. */
export interface ActionResultPlan {
  readonly kind: "action_result";
  readonly action: ActionMeta;
  readonly id: string;
  readonly selection: readonly ActionSelection[];
}

export interface IntrospectionFieldPlan {
  readonly kind: "introspection";
  readonly json: string;
}

export interface TypenamePlan {
  readonly kind: "typename";
  readonly name: string;
}

export type FieldPlan =
  SqlFieldPlan | WritePlan | ActionFieldPlan | ActionResultPlan | IntrospectionFieldPlan | TypenamePlan;

export interface PlannedField {
  readonly alias: string;
  /** The field above, when the source's root fields stand in a namespace. */
  readonly namespace?: string;
  readonly plan: FieldPlan;
}

export interface PlannedOperation {
  readonly operation: "query" | "mutation" | "subscription";
  readonly fields: readonly PlannedField[];
  /** All reads of `fields` as one statement, when there are several; a column `r0`, `r1`, … each, in their order. */
  readonly reads?: Statement | undefined;
  /** The variables of this request, defaults filled in. */
  readonly variables: Variables;
}
