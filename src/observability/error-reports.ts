import { type Logger } from "../core/index.ts";

/** An error that somebody should look at. */
export interface ErrorReport {
  readonly message: string;
  readonly error: unknown;
  readonly context: object;
}

const errorOf = (context: object): unknown =>
  "err" in context ? context.err : "error" in context ? context.error : undefined;

/** Hands what is logged as an error to a service for errors as well; one that fails costs its report and nothing else. */
export const withErrorReports = (logger: Logger, onError: (report: ErrorReport) => void): Logger => ({
  debug: (context, message) => logger.debug(context, message),
  info: (context, message) => logger.info(context, message),
  warn: (context, message) => logger.warn(context, message),
  error: (context, message) => {
    logger.error(context, message);
    try {
      onError({ message, error: errorOf(context), context });
    } catch (error) {
      logger.warn({ err: error }, "an error could not be reported");
    }
  },
});
