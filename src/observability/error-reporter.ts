import { type Clock, errorTypeOf, type Logger } from "../core/index.ts";
import { type ErrorReport } from "./error-reports.ts";
import { createScrubber } from "./logger.ts";

export interface ErrorReporterDeps {
  /** Where reports are posted; a name and password in it are sent as basic authorization. */
  readonly url: string;
  /** Which process it is: "hasura-usage". */
  readonly service: string;
  /** As for the log: they stand in no report. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  /** For what becomes of reports; not the one that makes them. */
  readonly logger: Logger;
}

export interface ErrorReporter {
  /** Never throws, never waits. */
  readonly report: (report: ErrorReport) => void;
  /** Sends what is left, for two seconds at most. */
  stop(): Promise<void>;
}

/** An error that comes again and again is not to fill the memory, nor the service: what does not fit is counted. */
const mostWaiting = 100;
const sendTimeoutMs = 5_000;
const stopMs = 2_000;
const longestText = 2_000;
const mostFields = 20;

const cut = (text: string): string => text.slice(0, longestText);

/** Numbers, switches and short words around the error; what is nested may hold anything, rows of customers included. */
const plainFields = (context: object): Readonly<Record<string, string | number | boolean>> =>
  Object.fromEntries(
    Object.entries(context)
      .filter(
        (entry): entry is [string, string | number | boolean] =>
          typeof entry[1] === "number" ||
          typeof entry[1] === "boolean" ||
          (typeof entry[1] === "string" && entry[1].length <= 200),
      )
      .slice(0, mostFields),
  );

/** The error and what caused it. Fields that drivers add, as the row of a failed insert, are left out. */
const shownError = (error: unknown, depth = 0): object => {
  if (!(error instanceof Error)) return { type: errorTypeOf(error) };
  return {
    type: error.name,
    code: errorTypeOf(error),
    message: cut(error.message),
    stack: cut(error.stack ?? ""),
    ...(error.cause === undefined || depth === 3 ? {} : { cause: shownError(error.cause, depth + 1) }),
  };
};

const targetOf = (address: string): { readonly url: string; readonly authorization: string | undefined } => {
  const url = new URL(address);
  const { username, password } = url;
  url.username = "";
  url.password = "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    url: url.href,
    authorization: pair === ":" ? undefined : `Basic ${Buffer.from(pair).toString("base64")}`,
  };
};

/** Posts errors as JSON to a service, one after the other and without holding anybody up; a failure costs the report. */
export const createErrorReporter = (deps: ErrorReporterDeps): ErrorReporter => {
  const { service, clock, logger } = deps;
  const scrub = createScrubber([deps.url, ...deps.secrets]);
  const { url, authorization } = targetOf(deps.url);
  const waiting: string[] = [];
  let dropped = 0;
  let sending: Promise<void> | undefined;
  let hasFailed = false;

  const post = async (body: string): Promise<void> => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(authorization === undefined ? {} : { authorization }),
      },
      body,
      // Where it leads is not what was configured.
      redirect: "error",
      signal: AbortSignal.timeout(sendTimeoutMs),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the service for errors answered ${String(response.status)}`);
  };

  const sendAll = async (): Promise<void> => {
    for (let body = waiting.shift(); body !== undefined; body = waiting.shift()) {
      try {
        await post(body);
        hasFailed = false;
      } catch (error) {
        // Said once, not for each of what may be thousands.
        if (!hasFailed) logger.warn({ err: error }, "an error could not be reported");
        hasFailed = true;
      }
    }
    sending = undefined;
  };

  return {
    report: ({ message, error, context }) => {
      if (waiting.length >= mostWaiting) {
        dropped += 1;
        return;
      }
      waiting.push(
        scrub(
          JSON.stringify({
            time: clock.now().toISOString(),
            service,
            message: cut(message),
            error: shownError(error),
            context: plainFields(context),
            ...(dropped === 0 ? {} : { dropped }),
          }),
        ),
      );
      dropped = 0;
      sending ??= sendAll();
    },
    stop: async () => {
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, stopMs);
      });
      await Promise.race([sending, grace]);
      clearTimeout(timer);
      waiting.length = 0;
    },
  };
};
