/** Kriti, the template language of Hasura's transforms: JSON with expressions between double braces. */
export type { Expression } from "./ast.ts";
export { KritiError, type KritiErrorCode, type Span } from "./errors.ts";
export { evaluateTemplate, type KritiScope } from "./evaluate.ts";
export type { KritiFunction } from "./functions.ts";
export { parseTemplate } from "./parser.ts";
