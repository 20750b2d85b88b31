import { isRawList, isRawObject, NumberLiteral, numberText, type Raw, rawToJson } from "../json/index.ts";
import type { Access, BinaryOperator, Expression } from "./ast.ts";
import { compareValues, equalValues } from "./compare.ts";
import { KritiError, type Span } from "./errors.ts";
import { basicFunctions, type KritiFunction } from "./functions.ts";

export interface KritiScope {
  /** Bindings by name, the `$` included. */
  readonly variables: Readonly<Record<string, Raw>>;
  readonly functions?: Readonly<Record<string, KritiFunction>>;
}

const typeError = (message: string, span: Span): KritiError =>
  new KritiError("Type Error", `Type Error: ${message}`, span);

const pathText = (variable: string, steps: readonly Access[]): string =>
  steps.reduce(
    (text, { step, optional }) =>
      typeof step === "number"
        ? `${text}${optional ? "?" : ""}[${String(step)}]`
        : `${text}${optional ? "?." : "."}${step}`,
    variable,
  );

/** The member, undefined where there is none, null for a value that has no members at all. */
const member = (value: Raw, step: string | number): Raw | undefined | "mismatch" => {
  if (typeof step === "number") return isRawList(value) ? value[step] : "mismatch";
  if (!isRawObject(value)) return "mismatch";
  return Object.hasOwn(value, step) ? value[step] : undefined;
};

const boolean = (value: Raw, span: Span): boolean => {
  if (typeof value !== "boolean") throw typeError(`${rawToJson(value)} is not a boolean.`, span);
  return value;
};

const contains = (needle: Raw, haystack: Raw, span: Span): boolean => {
  if (isRawList(haystack)) return haystack.some((item) => equalValues(item, needle));
  if (!isRawObject(haystack)) throw typeError(`${rawToJson(haystack)} is not an Object or Array.`, span);
  if (typeof needle !== "string") throw typeError(`${rawToJson(needle)} is not a String.`, span);
  return Object.hasOwn(haystack, needle);
};

const comparisons: Readonly<Partial<Record<BinaryOperator, (order: number) => boolean>>> = {
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  ">=": (order) => order >= 0,
};

class Evaluator {
  readonly #scope: KritiScope;

  constructor(scope: KritiScope) {
    this.#scope = scope;
  }

  evaluate(node: Expression): Raw {
    switch (node.kind) {
      case "literal":
        return node.value;
      case "text":
        return node.parts.map((part) => this.#interpolated(part, node.span)).join("");
      case "list":
        return node.items.map((item) => this.evaluate(item));
      case "object":
        return Object.fromEntries(node.fields.map(([key, value]) => [key, this.evaluate(value)]));
      case "path":
        return this.#path(node.variable, node.steps, node.span);
      case "if": {
        const taken = node.branches.find(({ when }) => boolean(this.evaluate(when), when.span));
        return this.evaluate(taken?.then ?? node.otherwise);
      }
      case "range":
        return this.#range(node);
      case "call":
        return this.#call(node.name, this.evaluate(node.argument), node.span);
      case "binary":
        return this.#binary(node.operator, node.left, node.right, node.span);
    }
  }

  #interpolated(part: Expression, span: Span): string {
    const value = this.evaluate(part);
    if (typeof value === "string") return value;
    if (typeof value === "boolean") return String(value);
    if (typeof value === "number" || value instanceof NumberLiteral) return numberText(value);
    const kind = value === null ? "Null" : isRawList(value) ? "Array" : "Object";
    throw typeError(`Cannot interpolate type: '${kind}'.`, span);
  }

  #path(variable: string, steps: readonly Access[], span: Span): Raw {
    const { variables } = this.#scope;
    const lost = (place: Span): KritiError =>
      new KritiError("Invalid Path", `Path Lookup Error: "${pathText(variable, steps)}"`, place);
    if (!Object.hasOwn(variables, variable)) throw lost(span);
    let value = variables[variable] ?? null;
    for (const { step, optional, span: place } of steps) {
      const next = member(value, step);
      if (next !== undefined && next !== "mismatch") {
        value = next;
      } else if (optional) {
        value = null;
      } else if (next === undefined) {
        throw lost(place);
      } else {
        throw typeError(typeof step === "number" ? "Expected array" : "Expected object", place);
      }
    }
    return value;
  }

  #range(node: Extract<Expression, { kind: "range" }>): Raw {
    const over = this.evaluate(node.over);
    if (!isRawList(over)) {
      throw new KritiError("Range Error", "Range Error: Can only range over an array", node.span);
    }
    return over.map((item, index) => {
      const variables = {
        ...this.#scope.variables,
        [node.item]: item,
        ...(node.index === null ? {} : { [node.index]: index }),
      };
      return new Evaluator({ ...this.#scope, variables }).evaluate(node.body);
    });
  }

  #call(name: string, argument: Raw, span: Span): Raw {
    const own = this.#scope.functions ?? {};
    const fn = Object.hasOwn(own, name)
      ? own[name]
      : Object.hasOwn(basicFunctions, name)
        ? basicFunctions[name]
        : undefined;
    if (fn === undefined) {
      throw new KritiError("Function Error", `Function Error: Function ${name} is not defined.`, span);
    }
    try {
      return fn(argument);
    } catch (error) {
      const message = error instanceof Error ? error.message : "failed";
      throw new KritiError("Function Error", `Function Error: ${message}`, span);
    }
  }

  #binary(operator: BinaryOperator, left: Expression, right: Expression, span: Span): Raw {
    const first = this.evaluate(left);
    if (operator === "??") return first ?? this.evaluate(right);
    const second = this.evaluate(right);
    if (operator === "in") return contains(first, second, span);
    const comparison = comparisons[operator];
    if (comparison) return comparison(compareValues(first, second));
    // Both sides are looked at, as in Kriti: neither && nor || stops early.
    const [a, b] = [boolean(first, span), boolean(second, span)];
    return operator === "&&" ? a && b : a || b;
  }
}

/** The value of a template over the given bindings; throws a KritiError. */
export const evaluateTemplate = (template: Expression, scope: KritiScope): Raw =>
  new Evaluator(scope).evaluate(template);
