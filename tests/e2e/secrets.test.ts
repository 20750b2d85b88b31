import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { logSecrets } from "../../src/cli/log-secrets.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { systemClock } from "../../src/core/index.ts";
import {
  createAppLogger,
  createErrorReporter,
  type ErrorReporter,
  withErrorReports,
} from "../../src/observability/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { startTestTracing, type TestTracing } from "../support/tracing.ts";
import { waitFor } from "../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../support/workspaces.ts";

const jwtKey = "key-of-tokens-0123456789abcdefghijklmn";
const passwords = {
  redis: "redis-password-of-the-test",
  smtp: "smtp-password-of-the-test",
  reports: "reports-password-of-the-test",
};
/** Nobody listens at port 1: Redis and the mail server are away all the time. */
const given = {
  HASURA_GRAPHQL_ADMIN_SECRET: "admin-secret-of-the-test",
  HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type: "HS256", key: jwtKey }),
  ACTION_SECRET: "action-secret-of-the-test",
  METRICS_TOKEN: "metrics-token-of-the-test",
  REDIS_URL: `redis://:${passwords.redis}@127.0.0.1:1`,
  SMTP_URL: `smtp://mail:${passwords.smtp}@127.0.0.1:1`,
  WEBHOOK_ALLOW_PRIVATE: "true",
  WEBHOOK_ALLOW_HTTP: "true",
};

const lines: string[] = [];
let dataDir: string;
let test: TestDatabase;
let tracing: TestTracing;
let reports: Receiver;
let reporter: ErrorReporter;
let product: TestProduct;
let workspace: Workspace;

beforeAll(async () => {
  tracing = startTestTracing();
  test = await createTestDatabase();
  await test.database.query("update billing.plans set rate_limit_per_minute = 1000000000");
  await test.database.query("update billing.plan_limits set limit_value = null where metric = 'api_calls'");
  reports = await startReceiver();
  dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-secrets-"));
  const env = {
    ...given,
    DATA_DIR: dataDir,
    DATABASE_URL: test.url,
    ERROR_REPORT_URL: reports.url.replace("http://", `http://name:${passwords.reports}@`),
  };
  const secrets = logSecrets(readSettings(env), {});
  const logger = createAppLogger({
    level: "debug",
    secrets,
    destination: { write: (line) => void lines.push(line) },
  });
  reporter = createErrorReporter({
    url: env.ERROR_REPORT_URL,
    service: "test",
    secrets,
    clock: systemClock,
    logger,
  });
  product = await startTestProduct(env, withErrorReports(logger, reporter.report));
  workspace = await createWorkspace(product.database);
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner') on conflict do nothing",
    [workspace.id, workspace.owner],
  );
});
afterAll(async () => {
  await product.stop();
  await reporter.stop();
  await reports.stop();
  await test.drop();
  await rm(dataDir, { recursive: true, force: true });
  tracing.stop();
});

const post = async (
  body: object,
  headers: Readonly<Record<string, string>>,
  url = `${product.urls.gateway}/v1/graphql`,
): Promise<string> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return response.text();
};

const metrics = async (url: string): Promise<string> => {
  const response = await fetch(`${url}/metrics`, {
    headers: { authorization: `Bearer ${given.METRICS_TOKEN}` },
  });
  return response.text();
};

const consume = (variables: object, headers: Readonly<Record<string, string>>): Promise<string> =>
  post(
    {
      query: `mutation ($key: String, $metric: String!) {
        consumeUsage(workspaceId: "${workspace.id}", metric: $metric, amount: 1, idempotencyKey: $key) { allowed reason }
      }`,
      variables,
    },
    headers,
  );

/** Puts a secret wherever a client can put a text. */
const sendEverywhere = async (secret: string, headers: Readonly<Record<string, string>>): Promise<void> => {
  const text = JSON.stringify(secret);
  const word = encodeURIComponent(secret);
  const query = "query Names { workspaces { name } }";
  const admin = { "x-hasura-admin-secret": given.HASURA_GRAPHQL_ADMIN_SECRET };
  const byId = "query ($id: uuid!) { channels_by_pk(id: $id) { id } }";
  const { gateway, actions } = product.urls;
  await Promise.all([
    post({ query }, { authorization: `Bearer ${secret}` }),
    post({ query }, { "x-api-key": secret, cookie: `session=${secret}` }),
    post({ query }, { "x-hasura-admin-secret": `${secret} ` }),
    post({ query, operationName: secret }, headers),
    post({ query: `{ workspaces(where: {name: {_eq: ${text}}}) { nothing } }` }, headers),
    post({ query: byId, variables: { id: secret } }, headers),
    post({ query }, { ...headers, "x-hasura-role": secret }),
    post({ query }, { ...admin, "x-hasura-role": secret }),
    post({}, {}, `${gateway}/nothing/${word}`),
    post({}, headers, `${gateway}/v1/graphql?token=${word}`),
    post({}, { "x-action-secret": `${secret} ` }, `${actions}/actions/checkUsage`),
    consume({ metric: "ai_queries", key: secret }, headers),
    consume({ metric: secret, key: null }, headers),
  ]);
};

it("has no secret in any line, figure, span or report of a session full of errors", async () => {
  const headers = await product.tokenFor(
    { userId: workspace.owner, workspaceId: workspace.id },
    "workspace_admin",
  );
  const token = headers["authorization"]?.slice("Bearer ".length) ?? "";
  const dead = "http://127.0.0.1:1/hook";
  const created = await product.ask(
    headers,
    `mutation {
      createApiKey(workspaceId: "${workspace.id}", name: "test") { key }
      createWebhook(workspaceId: "${workspace.id}", url: "${dead}") { secret }
    }`,
  );
  const { createApiKey, createWebhook } = created.data as unknown as {
    readonly createApiKey: { readonly key: string };
    readonly createWebhook: { readonly secret: string };
  };
  const databasePassword = new URL(test.url).password;
  const secrets = [
    given.HASURA_GRAPHQL_ADMIN_SECRET,
    jwtKey,
    token,
    given.ACTION_SECRET,
    given.METRICS_TOKEN,
    createApiKey.key,
    createWebhook.secret,
    given.REDIS_URL,
    given.SMTP_URL,
    test.url,
    databasePassword,
    ...Object.values(passwords),
  ];
  for (const secret of secrets) expect(secret.length).toBeGreaterThan(15);

  for (const secret of secrets) await sendEverywhere(secret, headers);
  await post({ query: "{ workspaces { name } }" }, { "x-api-key": createApiKey.key });
  // An alert, whose e-mail and webhook both go nowhere.
  await product.database.query(
    `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
     values ($1, 'ai_queries', now(), 75, 75, 100)`,
    [workspace.id],
  );
  await waitFor("the e-mail that cannot be sent", () =>
    lines.some((line) => line.includes("an e-mail could not be sent")),
  );
  await waitFor("the webhook that cannot be sent", async () => {
    const [row] = await product.database.query<{ n: number }>(
      "select count(*)::integer as n from usage.webhook_deliveries where attempts > 0",
    );
    return row !== undefined && row.n > 0;
  });
  // The gate itself fails, with all of them in its arguments.
  await product.database.query("alter function usage.gate_many(jsonb) rename to gate_many_gone");
  await Promise.all(secrets.map((secret) => consume({ metric: "ai_queries", key: secret }, headers)));
  await Promise.all(secrets.map((secret) => consume({ metric: secret, key: null }, headers)));
  await waitFor("reports", () => reports.requests.some(({ body }) => body.includes("request failed")));
  await waitFor(
    "the end of the session",
    () => tracing.spans().filter(({ name }) => name === "actions handler").length >= 4 * secrets.length,
  );

  const told = {
    lines: lines.join(""),
    metrics: `${await metrics(product.urls.gateway)}${await metrics(product.urls.actions)}`,
    spans: JSON.stringify(
      tracing
        .spans()
        .map(({ name, attributes, events, links, status }) => ({ name, attributes, events, links, status })),
    ),
    reports: reports.requests.map(({ body }) => body).join("\n"),
  };
  expect(told.metrics).toContain('hasura_usage_refusals_total{stage="identity"');
  expect(told.lines).toContain("the store of rate limits is away");
  for (const [where, text] of Object.entries(told)) {
    expect(text.length).toBeGreaterThan(100);
    expect(secrets.filter((secret) => text.includes(secret)).map((secret) => `${where}: ${secret}`)).toEqual(
      [],
    );
  }
});
