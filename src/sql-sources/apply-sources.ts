import type { Transaction } from "../core/index.ts";
import type { ObjectKey } from "./catalog-object.ts";
import type { Source, SourceStatement } from "./parse-source.ts";
import { sourceError } from "./source-error.ts";
import type { KeyOf } from "./source-keys.ts";
import { attempt } from "./trial.ts";

/**
 * `create or replace` is refused for another parameter name, return type or default, for another kind of routine, and for a
 * view whose columns are not a continuation. The same codes are given to statements that are wrong in themselves.
 */
const refusals = new Set(["42P13", "42P16", "42809"]);

const text = (value: unknown): string => (typeof value === "string" ? value : "");

interface ServerError {
  readonly message: string;
  readonly code: string;
  /** Of a character in the statement, from 1; 0 when unknown. */
  readonly position: number;
  readonly where: string;
}

const readError = (error: unknown): ServerError | undefined => {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const { position, where } = error as { readonly position?: unknown; readonly where?: unknown };
  return {
    message: error.message,
    code: text(error.code),
    position: Number(position ?? 0),
    where: text(where),
  };
};

const located = (source: Source, statement: SourceStatement, error: ServerError, cause: unknown): Error => {
  const before = statement.text.slice(0, Math.max(0, error.position - 1));
  const line = statement.line + before.split("\n").length - 1;
  const [context = ""] = error.position > 0 ? [] : error.where.split("\n");
  const message = context === "" ? error.message : `${error.message} (${context})`;
  return sourceError({ path: source.path, line }, message, cause);
};

/**
 * Runs the sources in their order. Returns the keys of the objects among `present` that cannot be replaced: after the first
 * of them the database has not all of the sources. Throws `invalid-source`, with file and line, for a statement that fails.
 */
export const applySources = async (
  tx: Transaction,
  sources: readonly Source[],
  keyOf: KeyOf,
  present: ReadonlySet<ObjectKey>,
): Promise<ReadonlySet<ObjectKey>> => {
  const refused = new Set<ObjectKey>();
  for (const source of sources) {
    for (const statement of source.statements) {
      try {
        await attempt(tx, statement.text);
      } catch (cause) {
        const error = readError(cause);
        const key = statement.defines === undefined ? undefined : keyOf(statement.defines);
        if (error !== undefined && key !== undefined && refusals.has(error.code) && present.has(key)) {
          refused.add(key);
          continue;
        }
        // What follows a refusal may fail because of it.
        if (refused.size > 0) return refused;
        throw error === undefined ? cause : located(source, statement, error, cause);
      }
    }
  }
  return refused;
};
