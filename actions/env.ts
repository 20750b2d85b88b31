import { z } from "zod";
import { errorReportUrl } from "../src/observability/index.ts";
import { deliveryEnv } from "./delivery/index.ts";
import { sessionEnv } from "./session-settings.ts";

const schema = z.object({
  ACTIONS_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().default("127.0.0.1"),
  DATABASE_URL: z.string().min(1),
  ACTION_SECRET: z.string().min(16, "must have at least 16 characters"),
  METRICS_TOKEN: z.string().min(16, "must have at least 16 characters").optional(),
  ERROR_REPORT_URL: errorReportUrl,
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  ...deliveryEnv,
  ...sessionEnv,
});

export type ActionsEnv = z.infer<typeof schema>;

/** Reads the settings of the actions server; the message of a failure names each variable. */
export function readActionsEnv(env: NodeJS.ProcessEnv): ActionsEnv {
  // Compose files and shells set a variable to nothing where they mean none.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(set);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}
