import { pino } from "pino";
import { type Logger, systemClock } from "../core/index.ts";
import { createAppLogger, createErrorReporter, withErrorReports } from "../observability/index.ts";
import { logSecrets } from "./log-secrets.ts";
import { type Settings } from "./settings.ts";

export interface Log {
  readonly logger: Logger;
  /** Reports that are not sent yet. */
  stop(): Promise<void>;
}

/** The log of a command, on its second output so that the first is a person's; errors are reported where that is set. */
export const openLog = (
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
  service: string,
): Log => {
  const secrets = logSecrets(settings, env);
  const logger = createAppLogger({ level: settings.LOG_LEVEL, destination: pino.destination(2), secrets });
  const url = settings.ERROR_REPORT_URL;
  if (url === undefined) return { logger, stop: () => Promise.resolve() };
  const reporter = createErrorReporter({ url, service, secrets, clock: systemClock, logger });
  return { logger: withErrorReports(logger, reporter.report), stop: reporter.stop };
};
