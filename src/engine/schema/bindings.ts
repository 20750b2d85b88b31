import type { GraphQLField } from "graphql";

export type AggregateFunction =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "stddev"
  | "stddev_pop"
  | "stddev_samp"
  | "var_pop"
  | "var_samp"
  | "variance";

/** What a GraphQL field stands for in the database; tables and functions by their `schema.name`. */
export type FieldBinding =
  | {
      readonly kind:
        | "select"
        | "select_by_pk"
        | "select_aggregate"
        | "select_stream"
        | "insert"
        | "insert_one"
        | "update"
        | "update_by_pk"
        | "update_many"
        | "delete"
        | "delete_by_pk";
      readonly table: string;
    }
  | { readonly kind: "function" | "function_aggregate"; readonly fn: string; readonly table: string }
  | { readonly kind: "action"; readonly action: string }
  /** What became of an asynchronous action. */
  | { readonly kind: "action_result"; readonly action: string }
  /** A table that hangs on the output of an action. */
  | {
      readonly kind: "action_relationship" | "action_relationship_aggregate";
      readonly type: string;
      readonly name: string;
      readonly target: string;
      readonly relationship: "object" | "array";
    }
  | { readonly kind: "namespace" }
  | { readonly kind: "action_output" }
  | { readonly kind: "column"; readonly column: string }
  | { readonly kind: "computed_field"; readonly name: string }
  | {
      readonly kind: "relationship";
      readonly name: string;
      readonly target: string;
      readonly relationship: "object" | "array";
    }
  | { readonly kind: "relationship_aggregate"; readonly name: string; readonly target: string }
  | { readonly kind: "aggregate" }
  | { readonly kind: "nodes" }
  | { readonly kind: "aggregate_count" }
  | { readonly kind: "aggregate_fn"; readonly fn: AggregateFunction }
  | { readonly kind: "affected_rows" }
  | { readonly kind: "returning" }
  | { readonly kind: "no_queries_available" }
  | { readonly kind: "typename" };

/** The binding of a field that this engine built; undefined for introspection fields. */
export const bindingOf = (field: GraphQLField<unknown, unknown>): FieldBinding | undefined =>
  field.extensions["binding"] as FieldBinding | undefined;
