import { HasuraError } from "../errors.ts";
import { isRawList, isRawObject, NumberLiteral, numberText, type Raw } from "../json/index.ts";
import {
  evaluateTemplate,
  type Expression,
  KritiError,
  type KritiFunction,
  type KritiScope,
  parseTemplate,
} from "../kriti/index.ts";
import type { SessionVariables } from "./types.ts";

/** Templates come from metadata, so their number is bounded by it; replaced metadata pushes old ones out. */
const compiledKept = 1_000;
const compiled = new Map<string, Expression>();

export const compileTemplate = (template: string): Expression => {
  const known = compiled.get(template);
  if (known !== undefined) return known;
  const expression = parseTemplate(template);
  if (compiled.size >= compiledKept) compiled.clear();
  compiled.set(template, expression);
  return expression;
};

/** A template for a text stands without its quotes. */
export const quoted = (template: string): string => `"${template}"`;

export const runTemplate = (template: string, scope: KritiScope): Raw =>
  evaluateTemplate(compileTemplate(template), scope);

/** A template for a header, a parameter or a URL: its value must be one that stands in a text. */
export const runTextTemplate = (template: string, scope: KritiScope): string => {
  const expression = compileTemplate(quoted(template));
  const value = evaluateTemplate(expression, scope);
  if (typeof value === "string") return value;
  if (typeof value === "number" || value instanceof NumberLiteral) return numberText(value);
  if (isRawList(value) || isRawObject(value)) {
    const message = "Template must produce a String, Number, or Boolean.";
    throw new KritiError("TransformationError", message, expression.span);
  }
  return String(value);
};

/** The function by which a template asks for one session variable. */
export const sessionFunctions = (
  session: SessionVariables | null,
): Readonly<Record<string, KritiFunction>> => ({
  getSessionVariable: (name) => {
    if (session === null) throw new Error("Session variables not found");
    if (typeof name !== "string") throw new Error("the name of a session variable must be a String");
    const value = session[name.toLowerCase()];
    if (value === undefined) throw new Error(`Session variable "${name}" not found`);
    return value;
  },
});

/** Hasura's error for a transform that failed; the template's own words are for administrators. */
export const failedTransform = (what: "Request" | "Response", error: unknown): unknown =>
  error instanceof KritiError
    ? new HasuraError({
        message: `${what} Transformation Failed`,
        code: "unexpected",
        internal: [error.toJson()],
        cause: error,
      })
    : error;
