import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { createAppLogger } from "../../src/observability/index.ts";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { waitFor } from "../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../support/workspaces.ts";

const metricsToken = "a-token-for-the-metrics-of-a-test";
const lines: string[] = [];

let product: TestProduct;
let workspace: Workspace;
let headers: Readonly<Record<string, string>>;

beforeAll(async () => {
  const logger = createAppLogger({
    level: "debug",
    secrets: [],
    destination: { write: (line) => void lines.push(line) },
  });
  product = await startTestProduct({ METRICS_TOKEN: metricsToken }, logger);
  workspace = await createWorkspace(product.database);
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner') on conflict do nothing",
    [workspace.id, workspace.owner],
  );
  headers = await product.tokenFor({ userId: workspace.owner, workspaceId: workspace.id });
});
afterAll(() => product.stop());

const metrics = async (url: string): Promise<string> => {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } });
  expect(response.status).toBe(200);
  return response.text();
};

/** What a scrape says of a series; not a number where it has none. */
const valueOf = (text: string, series: string): number => {
  const line = text.split("\n").find((each) => each.startsWith(`hasura_usage_${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(" ")));
};

const post = (
  body: string,
  more: Readonly<Record<string, string>> = {},
  path = "/v1/graphql",
): Promise<Response> =>
  fetch(`${product.urls.gateway}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...more },
    body,
  });

const query = JSON.stringify({ query: "query Names { workspaces { name } }", operationName: "Names" });

describe("/metrics", () => {
  it("tells of requests, refusals, latencies, queues and the process, on the gateway and on the actions server", async () => {
    expect((await post(query, headers)).status).toBe(200);
    await waitFor("the count", async () =>
      (await metrics(product.urls.gateway)).includes(
        'hasura_usage_requests_total{protocol="http",caller="user",status="200"} ',
      ),
    );
    const text = await metrics(product.urls.gateway);
    // Each has a value from the start: a series that comes with its first trouble cannot be told from one that nobody collects.
    const missing = [
      'request_duration_seconds_bucket{le="0.005",protocol="http"}',
      'request_bytes_total{protocol="http",direction="in"}',
      "database_up",
      "leases",
      "leased_units",
      "reservations_held",
      'pool_sessions{state="busy"}',
      'pool_sessions{state="idle"}',
      "pool_waiting",
      "database_sessions",
      'queue_waiting{queue="gate"}',
      'queue_waiting{queue="lease draw"}',
      'queue_waiting{queue="events"}',
      'queue_wait_seconds_count{queue="gate"}',
      'queue_requests_total{queue="gate"}',
      "webhooks_due",
      "webhook_lag_seconds",
      "emails_due",
      "email_lag_seconds",
      'events_waiting{trigger="usage_alert_raised"}',
      'event_lag_seconds{trigger="usage_alert_raised"}',
      'cron_waiting{trigger="usage_reconcile"}',
      'cron_lag_seconds{trigger="usage_reconcile"}',
      "counter_drifts",
      "counter_drift_units",
      'rate_decisions_total{store="memory",result="allowed"}',
      "rate_store_failures_total",
      "rate_windows",
    ].filter((name) => !(valueOf(text, name) >= 0));
    expect(missing).toEqual([]);
    expect(text).toContain("process_cpu_seconds_total");
    expect(await metrics(product.urls.actions)).toContain("hasura_usage_webhook_handler_duration_seconds");
  });

  it("counts who was turned away before any stage, by where and why", async () => {
    await post(query, { authorization: "Bearer no-token-at-all" });
    await post(query, { "x-hasura-admin-secret": "not-the-secret" });
    await post('{"query": "{ __typename }", "query": "{ __typename }"}', headers);
    await post("{}", headers, "/nothing/here");
    const socket = createClient({
      url: `${product.urls.gateway.replace("http", "ws")}/v1/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { headers: { authorization: "Bearer no-token-at-all" } },
      retryAttempts: 0,
    });
    await new Promise<void>((resolve) => {
      socket.subscribe(
        { query: "{ __typename }" },
        { next: () => undefined, error: () => resolve(), complete: () => resolve() },
      );
    });
    const expected = {
      'refusals_total{stage="identity",code="invalid-jwt"}': 2,
      'refusals_total{stage="identity",code="access-denied"}': 1,
      'refusals_total{stage="body",code="bad-request"}': 1,
      'refusals_total{stage="route",code="not-found"}': 1,
      'requests_total{protocol="http",caller="unknown",status="200"}': 2,
      'requests_total{protocol="ws",caller="unknown",status="200"}': 1,
      'requests_total{protocol="http",caller="unknown",status="404"}': 1,
    };
    await waitFor("all of them", async () => {
      const text = await metrics(product.urls.gateway);
      return Object.entries(expected).every(([name, count]) => valueOf(text, name) === count);
    });
    const turnedAway = lines
      .map((line) => JSON.parse(line) as { msg: string; caller?: string; code?: string })
      .filter(({ msg }) => msg === "request turned away");
    expect(turnedAway).toContainEqual(expect.objectContaining({ caller: "unknown", code: "invalid-jwt" }));
    expect(turnedAway).toContainEqual(expect.objectContaining({ caller: "user", code: "bad-request" }));
  });

  it("is nobody's without the token", async () => {
    for (const authorization of ["", "Bearer wrong", headers["authorization"] ?? ""]) {
      const response = await fetch(`${product.urls.gateway}/metrics`, { headers: { authorization } });
      expect(response.status).toBe(401);
    }
    expect((await fetch(`${product.urls.actions}/metrics`)).status).toBe(401);
  });

  it("has no more series for what clients make up", async () => {
    const series = async (): Promise<number> =>
      (await metrics(product.urls.gateway))
        .split("\n")
        .filter((line) => /^hasura_usage_(?:requests|refusals|errors)/u.test(line)).length;
    await post(JSON.stringify({ query: "query Made0 { nothing0 }" }), headers);
    const before = await waitFor("a first error", series);
    for (let index = 1; index < 20; index += 1) {
      await post(
        JSON.stringify({ query: `query Made${String(index)} { nothing${String(index)} }` }),
        headers,
      );
      await post(query, { ...headers, "x-hasura-role": `role${String(index)}` });
    }
    expect(await series()).toBeLessThan(before + 8);
  });
});

describe("the log", () => {
  it("has a line for each request with its id, which is the client's own where that is one", async () => {
    const response = await post(query, { ...headers, "x-request-id": "asked-by-me-1" });
    expect(response.headers.get("x-request-id")).toBe("asked-by-me-1");
    const line = await waitFor("the line", () =>
      lines.find((each) => each.includes('"requestId":"asked-by-me-1"')),
    );
    expect(JSON.parse(line)).toMatchObject({
      workspaceId: workspace.id,
      userId: workspace.owner,
      role: "user",
      operation: "Names",
      status: 200,
    });
    const hostile = await post(query, { ...headers, "x-request-id": 'x","admin":true' });
    expect(hostile.headers.get("x-request-id")).toMatch(/^[\da-f-]{36}$/u);
  });

  it("has one id for a request in gateway and actions server, over HTTP and WebSocket", async () => {
    const check = `query Check { checkUsage(workspaceId: "${workspace.id}", metric: "messages", amount: 1) { allowed } }`;
    await post(JSON.stringify({ query: check }), { ...headers, "x-request-id": "from-http-1" });
    const client = createClient({
      url: `${product.urls.gateway.replace("http", "ws")}/v1/graphql`,
      webSocketImpl: class extends WebSocket {
        constructor(address: string, protocols: string) {
          super(address, protocols, { headers: { "x-request-id": "from-socket-1" } });
        }
      },
      connectionParams: { headers },
      retryAttempts: 0,
    });
    await new Promise<void>((resolve, reject) => {
      client.subscribe({ query: check }, { next: () => undefined, error: reject, complete: resolve });
    });
    await client.dispose();
    for (const id of ["from-http-1", "from-socket-1"]) {
      const messages = await waitFor(`both lines of ${id}`, () => {
        const found = lines
          .map((line) => JSON.parse(line) as { requestId?: string; msg: string })
          .filter(({ requestId }) => requestId === id)
          .map(({ msg }) => msg);
        return found.length === 2 && found.sort();
      });
      expect(messages).toEqual(["action answered", "request answered"]);
    }
  });

  it("has no secret in any line, wherever a client puts one", async () => {
    const { adminSecret, jwtSecret, actionSecret } = product.settings.secrets;
    const signed = headers["authorization"]?.slice("Bearer ".length) ?? "";
    const made = "hu_0123456789abcdefghijklmnopqrstuvwxyz";
    const cookie = "session-cookie-of-a-person";
    const secrets = [
      signed,
      adminSecret,
      actionSecret,
      (JSON.parse(jwtSecret) as { key: string }).key,
      made,
      cookie,
    ];
    for (const secret of secrets) {
      const text = JSON.stringify(secret);
      await post(query, { authorization: `Bearer ${secret}` });
      await post(query, { "x-api-key": secret, cookie: `s=${secret}` });
      await post(query, { "x-hasura-admin-secret": `${secret}x` });
      await post(query, {
        ...headers,
        "x-request-id": secret.slice(0, 100) === secret ? `id ${secret}` : secret,
      });
      await post(`{"query": ${text}`, headers);
      await post(JSON.stringify({ query: `{ workspaces(where: {name: {_eq: ${text}}}) { nam } }` }), headers);
      await post(
        JSON.stringify({
          query: "query ($s: uuid!) { channels_by_pk(id: $s) { id } }",
          variables: { s: secret },
        }),
        headers,
      );
      await post(query, headers, `/v1/graphql?token=${encodeURIComponent(secret)}`);
      await post("{}", headers, `/nothing/${encodeURIComponent(secret)}`);
    }
    await post(query, { ...headers, "x-request-id": "last-of-all" });
    await waitFor("the last line", () => lines.some((each) => each.includes("last-of-all")));
    const text = lines.join("");
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});
