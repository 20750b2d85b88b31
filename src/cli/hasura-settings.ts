type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a value asks for what the engine does anyway. */
type Fits = (value: string, env: Environment) => boolean;

const off: Fits = (value) => /^(?:false|f|no|n|0)$/i.test(value);
const is =
  (...values: readonly string[]): Fits =>
  (value) =>
    values.includes(value.toLowerCase());
const not =
  (...values: readonly string[]): Fits =>
  (value) =>
    !values.includes(value);
const never: Fits = () => false;
const sameAs =
  (name: string): Fits =>
  (value, env) =>
    value === env[name];

const databaseOf = (address: string | undefined): string | undefined => {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { hostname, port, pathname } = new URL(address);
  return `${hostname === "localhost" ? "127.0.0.1" : hostname}:${port === "" ? "5432" : port}${pathname}`;
};
/** However it is spelled: another user or option is still the same database. */
const ownDatabase: Fits = (value, env) => {
  const own = databaseOf(env["DATABASE_URL"]);
  return own !== undefined && databaseOf(value) === own;
};
const listed =
  (fits: (values: ReadonlySet<string>) => boolean): Fits =>
  (value) =>
    fits(
      new Set(
        value
          .split(",")
          .map((one) => one.trim())
          .filter((one) => one !== ""),
      ),
    );

/** Features that Hasura has made its own since, or that nothing here depends on. */
const oldExperiments: ReadonlySet<string> = new Set([
  "inherited_roles",
  "streaming_subscriptions",
  "naming_convention",
  "optimize_permission_filters",
  "bigquery_string_numeric_input",
]);

/** Read by `readSettings`, or by the engine from the variables it is handed. */
export const readSettingNames: readonly string[] = [
  "ADMIN_INTERNAL_ERRORS",
  "ADMIN_SECRET",
  "DEV_MODE",
  "ENABLE_ALLOWLIST",
  "INFER_FUNCTION_PERMISSIONS",
  "JWT_SECRET",
  "LIVE_QUERIES_MULTIPLEXED_BATCH_SIZE",
  "LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL",
  "STREAMING_QUERIES_MULTIPLEXED_BATCH_SIZE",
  "STREAMING_QUERIES_MULTIPLEXED_REFETCH_INTERVAL",
  "STRINGIFY_NUMERIC_TYPES",
  "UNAUTHORIZED_ROLE",
].map((name) => `HASURA_GRAPHQL_${name}`);

/** Settings of Hasura whose effect this engine does not have, and the values that ask for nothing else. */
const refused: Readonly<Record<string, Fits>> = {
  ACCESS_KEY: never,
  ADMIN_SECRETS: never,
  ASYNC_ACTIONS_FETCH_INTERVAL: not("0"),
  AUTH_HOOK: never,
  AUTH_HOOK_MODE: never,
  AUTH_HOOK_SEND_REQUEST_BODY: never,
  BACKWARDS_COMPAT_NULL_IN_NONNULLABLE_VARIABLES: off,
  CLOSE_WEBSOCKETS_ON_METADATA_CHANGE: off,
  CONFIGURED_HEADER_PRECEDENCE: off,
  DATABASE_URL: ownDatabase,
  DEFAULT_NAMING_CONVENTION: is("hasura-default"),
  ENABLED_APIS: listed((apis) => apis.has("metadata") && apis.has("graphql")),
  ENABLE_APOLLO_FEDERATION: off,
  ENABLE_MAINTENANCE_MODE: off,
  ENABLE_PERSISTED_QUERIES: off,
  ENABLE_RELAY: off,
  EVENTS_FETCH_BATCH_SIZE: not("0"),
  EVENTS_FETCH_INTERVAL: not("0"),
  EXPERIMENTAL_FEATURES: listed((features) => [...features].every((one) => oldExperiments.has(one))),
  JWT_SECRETS: never,
  MAX_TOTAL_HEADER_LENGTH: never,
  METADATA_DATABASE_URL: ownDatabase,
  METADATA_DIR: never,
  MIGRATIONS_DIR: never,
  PG_SSL_CERTIFICATE_PATH: never,
  PRESERVE_401_ERRORS: off,
  READ_REPLICA_URL: never,
  READ_REPLICA_URLS: never,
  SCHEMA_SYNC_POLL_INTERVAL: not("0"),
  SERVER_HOST: sameAs("HOST"),
  SERVER_PORT: sameAs("ENGINE_PORT"),
  TX_ISOLATION: is("read-committed"),
  V1_BOOLEAN_NULL_COLLAPSE: off,
  WS_READ_COOKIE: off,
};

/** What another name of this project sets instead. */
const instead: Readonly<Record<string, string>> = {
  ACCESS_KEY: "HASURA_GRAPHQL_ADMIN_SECRET",
  DATABASE_URL: "DATABASE_URL",
  METADATA_DATABASE_URL: "DATABASE_URL",
  METADATA_DIR: "HASURA_METADATA_DIR",
  SERVER_HOST: "HOST",
  SERVER_PORT: "ENGINE_PORT",
};

/** Tuning, logs, the console, and what belongs to features that metadata cannot switch on here. */
export const harmlessSettingNames: readonly string[] = [
  "ASYNC_ACTIONS_FETCH_BATCH_SIZE",
  "BIGQUERY_STRING_NUMERIC_INPUT",
  "CACHE_MAX_ENTRY_TTL",
  "CONNECTIONS_PER_READ_REPLICA",
  "CONNECTION_COMPRESSION",
  "CONSOLE_ASSETS_DIR",
  "CONSOLE_SENTRY_DSN",
  "CORS_DOMAIN",
  "DISABLE_CORS",
  "DISABLE_NATIVE_QUERY_VALIDATION",
  "DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX",
  "EE_LICENSE_KEY",
  "ENABLED_LOG_TYPES",
  "ENABLE_CONSOLE",
  "ENABLE_LOG_COMPRESSION",
  "ENABLE_METADATA_QUERY_LOGGING",
  "ENABLE_QUERY_TRACING",
  "ENABLE_REMOTE_SCHEMA_PERMISSIONS",
  "ENABLE_TELEMETRY",
  "ENABLE_TRIGGERS_ERROR_LOG_LEVEL",
  "ENDPOINT",
  "EVENTS_HTTP_POOL_SIZE",
  "GRACEFUL_SHUTDOWN_TIMEOUT",
  "LOG_LEVEL",
  "MAX_CACHE_SIZE",
  "METADATA_DATABASE_EXTENSIONS_SCHEMA",
  "METADATA_DEFAULTS",
  "METRICS_ENABLE_HIGH_CARDINALITY_LABELS",
  "MIGRATIONS_DATABASE_ENV_VAR",
  "MIGRATIONS_SERVER_PORT",
  "MIGRATIONS_SERVER_TIMEOUT",
  "NO_OF_RETRIES",
  "PERSISTED_QUERIES_TTL",
  "PG_CONNECTIONS",
  "PG_CONN_LIFETIME",
  "PG_STRIPES",
  "PG_TIMEOUT",
  "POOL_TIMEOUT",
  "QUERY_PLAN_CACHE_SIZE",
  "RATE_LIMIT_REDIS_TLS_HOSTNAME",
  "RATE_LIMIT_REDIS_URL",
  "RATE_LIMIT_REDIS_USE_TLS",
  "REDIS_TIMEOUT",
  "REDIS_TLS_HOSTNAME",
  "REDIS_TLS_SHARED_CA_STORE_PATH",
  "REDIS_URL",
  "REMOTE_SCHEMA_PRIORITIZE_DATA",
  "REMOTE_SCHEMA_SKIP_NULLS",
  "SERVER_TIMEOUT",
  "SSO_PROVIDERS",
  "STRIPES_PER_READ_REPLICA",
  "USE_PREPARED_STATEMENTS",
  "WEBSOCKET_CONNECTION_INIT_TIMEOUT",
  "WEBSOCKET_KEEPALIVE",
].map((name) => `HASURA_GRAPHQL_${name}`);

export const refusedSettingNames: readonly string[] = Object.keys(refused).map(
  (name) => `HASURA_GRAPHQL_${name}`,
);

/**
 * A setting that would make a real Hasura behave otherwise than this engine does is refused by name, so that nobody takes
 * a lock for closed that does not exist here. Throws one line that names all of them.
 */
export const refuseSettings = (env: Environment): void => {
  const faults = Object.entries(refused).flatMap(([name, fits]) => {
    const value = env[`HASURA_GRAPHQL_${name}`];
    if (value === undefined || value === "" || fits(value, env)) return [];
    const other = instead[name];
    // Never the value: keys and addresses with passwords are among them.
    return [
      `HASURA_GRAPHQL_${name} asks for what this engine does not do${other === undefined ? "" : `, set ${other}`}`,
    ];
  });
  if (faults.length > 0) throw new Error(faults.join("; "));
};

const known: ReadonlySet<string> = new Set([
  ...readSettingNames,
  ...harmlessSettingNames,
  ...refusedSettingNames,
]);

/** Names that look like Hasura's and are none: a slip of the pen, or a variable that metadata refers to. */
export const unknownSettings = (env: Environment): readonly string[] =>
  Object.keys(env).filter((name) => name.startsWith("HASURA_GRAPHQL_") && !known.has(name));
