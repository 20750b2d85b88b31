import { AppError } from "../core/index.ts";

const socketCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "EACCES",
]);

/** SQLSTATEs that say the session is gone or was never granted; the statement itself is not at fault. */
const sqlStates = new Set(["57P01", "57P02", "57P03", "53300", "28000", "28P01", "3D000"]);

/** With these no session was had, so the statement never left; with any other it may have been carried out. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "EACCES",
  "57P03",
  "53300",
  "28000",
  "28P01",
  "3D000",
]);

const neverSentMessages = /^(timeout exceeded when trying to connect|Cannot use a pool after calling end)/;

const clientMessages =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Cannot use a pool after calling end)/;

const codeOf = (error: unknown): string => {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
};

const isConnectionError = (error: unknown): boolean => {
  const code = codeOf(error);
  if (socketCodes.has(code) || sqlStates.has(code) || code.startsWith("08")) return true;
  return error instanceof Error && code === "" && clientMessages.test(error.message);
};

const isNeverSent = (error: unknown): boolean =>
  neverSent.has(codeOf(error)) || (error instanceof Error && neverSentMessages.test(error.message));

/**
 * An outage becomes the one public error for it; whatever the server said about a statement stays as it is. Its context
 * says by `sent: false` that the statement cannot have been carried out.
 */
export const toDatabaseError = (error: unknown): unknown => {
  if (error instanceof AppError || !isConnectionError(error)) return error;
  return new AppError({
    kind: "unavailable",
    code: "database-unavailable",
    message: "The database cannot be reached.",
    context: { reason: codeOf(error), sent: !isNeverSent(error) },
    cause: error,
  });
};
