import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { defaultRateSettings } from "../domain/rate-limit/index.ts";
import { errorReportUrl } from "../observability/index.ts";
import { deliveryEnv } from "../../actions/delivery/index.ts";
import { sessionEnv } from "../../actions/session-settings.ts";

export const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

const noPort = "must be a port, 0 to 65535";
const port = (fallback: number) =>
  z.coerce.number(noPort).int(noPort).min(0, noPort).max(65_535, noPort).default(fallback);

const positive = (fallback: number) => z.coerce.number().int().min(1).default(fallback);

const settingsSchema = z
  .object({
    HOST: z.string().default("127.0.0.1"),
    PORT: port(8080),
    ENGINE_PORT: port(8081),
    ACTIONS_PORT: port(3000),
    DATA_DIR: z.string().default(join(projectRoot, ".data")),
    DATABASE_URL: z
      .string()
      .regex(/^postgres(?:ql)?:\/\//u, "must be an address that begins with postgres://")
      .optional(),
    HASURA_URL: z.url().optional(),
    HASURA_GRAPHQL_ADMIN_SECRET: z.string().min(1).optional(),
    HASURA_GRAPHQL_JWT_SECRET: z.string().min(1).optional(),
    HASURA_GRAPHQL_UNAUTHORIZED_ROLE: z.string().default("anonymous"),
    HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL: positive(1_000),
    HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_BATCH_SIZE: positive(100),
    HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_REFETCH_INTERVAL: positive(1_000),
    HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_BATCH_SIZE: positive(100),
    HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES: z.stringbool().default(false),
    HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS: z.stringbool().default(true),
    HASURA_GRAPHQL_ENABLE_ALLOWLIST: z.stringbool().default(false),
    HASURA_GRAPHQL_DEV_MODE: z.stringbool().default(false),
    HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS: z.stringbool().default(true),
    ACTION_SECRET: z.string().min(16).optional(),
    RATE_LIMIT_USER_SHARE: z.coerce
      .number()
      .gt(0, "must be above 0")
      .max(1, "must be 1 at most")
      .default(defaultRateSettings.userShare),
    REDIS_URL: z
      .string()
      .regex(/^rediss?:\/\//u, "must be an address that begins with redis:// or rediss://")
      .optional(),
    RATE_LIMIT_ON_OUTAGE: z.enum(["local", "refuse"]).default("local"),
    RATE_LIMIT_PER_ADDRESS: positive(defaultRateSettings.perAddress),
    GATEWAY_BODY_LIMIT_BYTES: positive(1024 * 1024),
    GATEWAY_UPSTREAM_TIMEOUT_MS: positive(60_000),
    GATEWAY_HEADERS_TIMEOUT_MS: positive(10_000),
    GATEWAY_REQUEST_TIMEOUT_MS: positive(30_000),
    GATEWAY_IDLE_TIMEOUT_MS: positive(90_000),
    GATEWAY_TRUSTED_HOPS: z.coerce.number().int().min(0).max(10).default(0),
    GATEWAY_ON_ACCESS_OUTAGE: z.enum(["refuse", "trust"]).default("refuse"),
    GATEWAY_ADMIN_API: z.stringbool().default(false),
    METRICS_TOKEN: z.string().min(16, "must have at least 16 characters").optional(),
    ERROR_REPORT_URL: errorReportUrl,
    LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("warn"),
    ...deliveryEnv,
    ...sessionEnv,
  })
  .refine((set) => set.GATEWAY_IDLE_TIMEOUT_MS > set.GATEWAY_UPSTREAM_TIMEOUT_MS, {
    path: ["GATEWAY_IDLE_TIMEOUT_MS"],
    message: "must be above GATEWAY_UPSTREAM_TIMEOUT_MS",
  })
  .refine((set) => set.GATEWAY_REQUEST_TIMEOUT_MS >= set.GATEWAY_HEADERS_TIMEOUT_MS, {
    path: ["GATEWAY_REQUEST_TIMEOUT_MS"],
    message: "must not be below GATEWAY_HEADERS_TIMEOUT_MS",
  });

const secretsSchema = z.object({ adminSecret: z.string(), jwtSecret: z.string(), actionSecret: z.string() });

export type Secrets = z.infer<typeof secretsSchema>;
export type Settings = z.infer<typeof settingsSchema> & { readonly secrets: Secrets };

/** Secrets of the first start, kept readable by the owner only; a set variable wins over the kept one. */
function keptSecrets(dataDir: string): Secrets {
  const file = join(dataDir, "secrets.json");
  if (existsSync(file)) return secretsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const secret = (): string => randomBytes(24).toString("base64url");
  const secrets: Secrets = {
    adminSecret: secret(),
    jwtSecret: JSON.stringify({ type: "HS256", key: randomBytes(32).toString("base64url") }),
    actionSecret: secret(),
  };
  mkdirSync(dataDir, { recursive: true });
  const unique = `${file}.${String(process.pid)}`;
  writeFileSync(unique, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  try {
    // Two first starts at once must end up with the same secrets, and nobody may read half a file.
    linkSync(unique, file);
    return secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return secretsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } finally {
    rmSync(unique, { force: true });
  }
}

/** Settings of the whole product (design: processes, ports, settings). Throws one line naming a wrong variable. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  // Compose files and shells set a variable to nothing where they mean none.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = settingsSchema.safeParse(set);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
    );
  }
  const kept = keptSecrets(parsed.data.DATA_DIR);
  return {
    ...parsed.data,
    secrets: {
      adminSecret: parsed.data.HASURA_GRAPHQL_ADMIN_SECRET ?? kept.adminSecret,
      jwtSecret: parsed.data.HASURA_GRAPHQL_JWT_SECRET ?? kept.jwtSecret,
      actionSecret: parsed.data.ACTION_SECRET ?? kept.actionSecret,
    },
  };
}

/** How often and how many subscriptions are asked for at once, as the engine names it. */
export const pollSettings = (settings: Settings) => ({
  liveQueryIntervalMs: settings.HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL,
  liveQueryBatchSize: settings.HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_BATCH_SIZE,
  streamIntervalMs: settings.HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_REFETCH_INTERVAL,
  streamBatchSize: settings.HASURA_GRAPHQL_STREAMING_QUERIES_MULTIPLEXED_BATCH_SIZE,
});

/** Of the gateway; what is not named here keeps its default. */
export const gatewaySettings = (settings: Settings) => ({
  bodyLimitBytes: settings.GATEWAY_BODY_LIMIT_BYTES,
  upstreamTimeoutMs: settings.GATEWAY_UPSTREAM_TIMEOUT_MS,
  headersTimeoutMs: settings.GATEWAY_HEADERS_TIMEOUT_MS,
  requestTimeoutMs: settings.GATEWAY_REQUEST_TIMEOUT_MS,
  idleTimeoutMs: settings.GATEWAY_IDLE_TIMEOUT_MS,
  trustedHops: settings.GATEWAY_TRUSTED_HOPS,
  adminApi: settings.GATEWAY_ADMIN_API,
});
