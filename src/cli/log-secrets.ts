import { type Settings } from "./settings.ts";

/** The key alone shows up where the whole setting does not. */
const keyOf = (jwtSecret: string): string => {
  try {
    const parsed: unknown = JSON.parse(jwtSecret);
    const key = typeof parsed === "object" && parsed !== null ? (parsed as { key?: unknown }).key : undefined;
    return typeof key === "string" ? key : "";
  } catch {
    return "";
  }
};

/** What may stand in no line of the log. */
export const logSecrets = ({
  secrets,
  METRICS_TOKEN,
  DATABASE_URL,
  REDIS_URL,
}: Settings): readonly string[] =>
  [
    secrets.adminSecret,
    secrets.jwtSecret,
    keyOf(secrets.jwtSecret),
    secrets.actionSecret,
    METRICS_TOKEN,
    DATABASE_URL,
    REDIS_URL,
  ].filter((secret) => secret !== undefined);
