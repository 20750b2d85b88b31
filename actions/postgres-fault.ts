import { AppError } from "../src/core/index.ts";
import { refusedStatement } from "../src/domain/gate/index.ts";

const sqlState = (error: unknown): string | null =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : null;

const unreachable = /^(ECONN|EPIPE|ETIMEDOUT|57P0|08|53)/u;

/** Errors of the database that a caller may understand; null leaves it an internal error. SQL text never passes. */
export function postgresFault(error: unknown): AppError | null {
  const state = sqlState(error);
  if (state === null) return null;
  const refused = refusedStatement(error);
  if (refused !== null) {
    const { message, workspaceId: _, ...decision } = refused;
    return new AppError({
      kind: "denied",
      code: refused.reason,
      message,
      extensions: decision,
      cause: error,
    });
  }
  if (unreachable.test(state)) {
    return new AppError({
      kind: "unavailable",
      code: "unavailable",
      message: "the database is not available",
      cause: error,
    });
  }
  return null;
}
