import { AppError } from "../../core/index.ts";

const mayHaveBeenSent = (error: unknown): error is AppError =>
  error instanceof AppError &&
  error.kind === "unavailable" &&
  error.context["sent"] !== false &&
  error.code !== "overloaded";

/**
 * A lost connection leaves open whether what was asked took effect: code `outcome-unknown`, kind `unavailable`. Anything else
 * passes as it is.
 */
export const toOutcomeUnknown = (error: unknown, hasKey: boolean): unknown =>
  mayHaveBeenSent(error)
    ? new AppError({
        kind: "unavailable",
        code: "outcome-unknown",
        message: hasKey
          ? "The connection was lost before the answer came: whether this was counted is unknown. Ask again with the same idempotencyKey."
          : "The connection was lost before the answer came: whether this was counted is unknown. With an idempotencyKey it could be asked again safely.",
        cause: error,
      })
    : error;
