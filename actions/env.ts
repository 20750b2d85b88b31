import { z } from "zod";

const schema = z.object({
  ACTIONS_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().default("127.0.0.1"),
  DATABASE_URL: z.string().min(1),
  ACTION_SECRET: z.string().min(16, "must have at least 16 characters"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});

export type ActionsEnv = z.infer<typeof schema>;

/** Reads the settings of the actions server; the message of a failure names each variable. */
export function readActionsEnv(env: NodeJS.ProcessEnv): ActionsEnv {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}
