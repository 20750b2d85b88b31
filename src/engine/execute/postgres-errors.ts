import { HasuraError } from "../errors.ts";

interface PostgresFailure {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** SQLSTATEs of class 23 that Hasura announces with words of its own. */
const NAMED: Readonly<Record<string, { readonly prefix: string; readonly code: string }>> = {
  "23505": { prefix: "Uniqueness violation. ", code: "constraint-violation" },
  "23503": { prefix: "Foreign key violation. ", code: "constraint-violation" },
  "23502": { prefix: "Not-NULL violation. ", code: "constraint-violation" },
  "23P01": { prefix: "Exclusion violation. ", code: "constraint-violation" },
  "23514": { prefix: "Check constraint violation. ", code: "permission-error" },
};

const failureOf = (error: unknown): PostgresFailure | undefined => {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth += 1) {
    const candidate = current as { code?: unknown; message?: unknown; severity?: unknown; cause?: unknown };
    if (
      typeof candidate.code === "string" &&
      /^[0-9A-Z]{5}$/.test(candidate.code) &&
      typeof candidate.severity === "string" &&
      typeof candidate.message === "string"
    ) {
      return candidate as PostgresFailure;
    }
    current = candidate.cause;
  }
  return undefined;
};

/** Class 08 and 57: the server went away or is stopping; the statement said nothing. */
const isOutage = (code: string): boolean => code.startsWith("08") || code.startsWith("57P");

/** What a client sees of a failed statement; anything that is not Postgres's own answer is returned as it is. */
export const fromPostgresError = (error: unknown, path: string): unknown => {
  if (error instanceof HasuraError) return error;
  const failure = failureOf(error);
  if (!failure || isOutage(failure.code)) return error;
  const internal = {
    error: {
      exec_status: "FatalError",
      status_code: failure.code,
      message: failure.message,
      description: failure.detail ?? null,
      hint: failure.hint ?? null,
    },
  };
  const named = NAMED[failure.code];
  if (named) {
    return new HasuraError({
      message: named.prefix + failure.message,
      code: named.code,
      path,
      internal,
      cause: error,
    });
  }
  if (failure.code.startsWith("22")) {
    return new HasuraError({
      message: failure.message,
      code: "data-exception",
      path,
      internal,
      cause: error,
    });
  }
  if (failure.code.startsWith("23")) {
    return new HasuraError({
      message: failure.message,
      code: "constraint-violation",
      path,
      internal,
      cause: error,
    });
  }
  return new HasuraError({
    message: "database query error",
    code: "unexpected",
    path,
    internal,
    cause: error,
  });
};
