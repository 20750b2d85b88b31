import type { NumberLiteral } from "../json/index.ts";
import type { Span } from "./errors.ts";

export type BinaryOperator = "==" | "!=" | "<" | ">" | "<=" | ">=" | "&&" | "||" | "in" | "??";

/** One step of a path; an optional one makes null of what is missing, and so do all that follow it. */
export interface Access {
  readonly step: string | number;
  readonly optional: boolean;
  readonly span: Span;
}

export type Expression = { readonly span: Span } & (
  | { readonly kind: "literal"; readonly value: null | boolean | number | string | NumberLiteral }
  | { readonly kind: "text"; readonly parts: readonly Expression[] }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [string, Expression])[] }
  | { readonly kind: "path"; readonly variable: string; readonly steps: readonly Access[] }
  | {
      readonly kind: "if";
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression;
    }
  | {
      readonly kind: "range";
      readonly index: string | null;
      readonly item: string;
      readonly over: Expression;
      readonly body: Expression;
    }
  | { readonly kind: "call"; readonly name: string; readonly argument: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
);
