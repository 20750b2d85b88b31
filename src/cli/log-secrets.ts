import { secretVariables, wordsOfAddress, wordsOfJwtSecret } from "../observability/index.ts";
import { type Settings } from "./settings.ts";

/** What may stand in no line of the log and in no report. */
export const logSecrets = (
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] => [
  settings.secrets.adminSecret,
  ...wordsOfJwtSecret(settings.secrets.jwtSecret),
  settings.secrets.actionSecret,
  settings.METRICS_TOKEN ?? "",
  ...[settings.DATABASE_URL, settings.REDIS_URL, settings.SMTP_URL, settings.ERROR_REPORT_URL].flatMap(
    wordsOfAddress,
  ),
  ...secretVariables(env),
];
