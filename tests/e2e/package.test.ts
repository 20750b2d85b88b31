import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createWorkspace } from "../support/workspaces.ts";

const run = promisify(execFile);
const root = process.cwd();

/** Plain JavaScript in a folder of its own, as a team that installed the package would write it. */
const script = `
import { createServer } from "node:http";
import { createEngine, startTestEngine } from "hasura-usage/engine";

const test = await startTestEngine({
  metadata: "hasura/metadata",
  migrations: "hasura/migrations",
  seeds: "hasura/seeds",
  webhooks: () => (request, response) => response.end(JSON.stringify({ path: request.url })),
  env: { HANDLERS_URL: "http://handlers.test", WEBHOOK_SECRET: "secret" },
});
const clerk = test.as("clerk", { "x-hasura-shop-id": "a0000000-0000-4000-8000-000000000000" });
const { orders } = await clerk.data("{ orders(order_by: { customer: asc }) { customer } }");
const [cron] = await test.fireCron("cancel_stale_orders");
await test.stop();
console.log(JSON.stringify({ orders, cron: cron.body, createEngine: typeof createEngine }));
`;

const typed = `
import { createServer } from "node:http";
import { type EngineSettings, startTestEngine, type TestEngine, type WebhookClient } from "hasura-usage/engine";

export const settings: EngineSettings = { adminSecret: "s", liveQueryIntervalMs: 100 };
export const client: WebhookClient = (url) => Promise.resolve(new Response(url));
export const serve = ({ engine }: TestEngine) => [createServer(engine.app), createServer(engine.handler)];

export const start = async (): Promise<readonly string[]> => {
  const test: TestEngine = await startTestEngine({ metadata: "hasura/metadata" });
  const answer = await test.as("clerk", { "x-hasura-shop-id": 1 }).data<{ orders: { id: string }[] }>("{ orders { id } }");
  // @ts-expect-error the package's types must reach here, or this line is none that fails
  test.fireCron(1);
  return answer.orders.map(({ id }) => id);
};
`;

/** Routes of a foreign Express app behind plan gates, on the database that `DATABASE_URL` names. */
const routes = `
import express from "express";
import { createDatabase, createGate, createPlanGates, silentLogger, systemClock } from "hasura-usage/express";

const database = createDatabase({ connectionString: process.env.DATABASE_URL });
const gates = createPlanGates({
  database,
  gate: createGate({ database, clock: systemClock }),
  clock: systemClock,
  logger: silentLogger,
  workspaceOf: () => process.env.WORKSPACE,
  upgradeUrl: "/upgrade",
});
const app = express();
const ok = (request, response) => response.json({ ok: true });
app.get("/export", gates.requireFeature("data_export"), gates.checkPlanRateLimit(), ok);
app.get("/sso", gates.requireFeature("sso_integration"), ok);
app.get("/ask", gates.checkUsageLimit("ai_queries", { mode: "consume" }), ok);
const server = app.listen(0, "127.0.0.1", async () => {
  const answers = [];
  for (const path of ["export", "sso", "ask"]) {
    const response = await fetch("http://127.0.0.1:" + server.address().port + "/" + path);
    const { code, upgrade } = await response.json();
    answers.push([path, response.status, code ?? null, upgrade?.planId ?? null]);
  }
  server.close();
  await database.close();
  console.log(JSON.stringify(answers));
});
`;

const typedRoutes = `
import express from "express";
import {
  createFallbackStore,
  createGate,
  createMemoryStore,
  createPlanGates,
  createRedisStore,
  type Database,
  type PlanGates,
  type Refusal,
  silentLogger,
  systemClock,
} from "hasura-usage/express";

export const mount = (database: Database): express.Express => {
  const gates: PlanGates = createPlanGates({
    database,
    gate: createGate({ database, clock: systemClock }),
    clock: systemClock,
    logger: silentLogger,
    workspaceOf: (request) => request.get("x-session") ?? null,
    upgradeUrl: (refusal: Refusal) => "/upgrade?to=" + (refusal.upgrade?.planId ?? ""),
    rateStore: createFallbackStore({
      shared: createRedisStore({ url: "redis://127.0.0.1", logger: silentLogger }),
      local: createMemoryStore({ clock: systemClock, elapsedMs: () => performance.now() }),
      onOutage: "local",
      clock: systemClock,
      logger: silentLogger,
    }),
  });
  // @ts-expect-error the package's types must reach here, or this line is none that fails
  gates.requireFeature(1);
  return express().post("/", gates.checkFileUploadSize({ onOutage: "allow" }), (_request, response) => void response.end());
};
`;

/** A store of a foreign front end, here without a browser, and its hook. */
const frontEnd = `
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { createElement } from "react";
import { createTelemetry, nodeEnvironment } from "hasura-usage/telemetry";
import { TelemetryProvider, useTelemetry } from "hasura-usage/telemetry/react";

const received = [];
const server = createServer(async (request, response) => {
  const events = JSON.parse(await text(request));
  received.push(...events.map(({ event_type }) => event_type));
  response.end(JSON.stringify({ results: events.map(({ id }) => ({ id, status: "accepted" })) }));
});
server.listen(0, "127.0.0.1", async () => {
  const url = "http://127.0.0.1:" + server.address().port + "/api/analytics/track";
  const telemetry = createTelemetry({ environment: nodeEnvironment(), url, source: "app", consentVersion: "1" });
  telemetry.track("too early");
  telemetry.acceptAll();
  telemetry.track("opened");
  await telemetry.flush();
  telemetry.stop();
  server.close();
  const element = createElement(TelemetryProvider, { telemetry });
  console.log(JSON.stringify({ received, sent: telemetry.getState().counts.sent, hook: typeof useTelemetry, props: Object.keys(element.props) }));
});
`;

const typedFrontEnd = `
import { browserEnvironment, createTelemetry, type Telemetry } from "hasura-usage/telemetry";
import { useTelemetry, useTelemetryState } from "hasura-usage/telemetry/react";

export const open = (): Telemetry =>
  createTelemetry({ environment: browserEnvironment(window), url: "/api/analytics/track", source: "app", consentVersion: "1" });
export const useQueued = (): number => useTelemetryState((state) => state.queued);
// @ts-expect-error the package's types must reach here, or this line is none that fails
export const useNothing = (): number => useTelemetry().nothing;
`;

let folder: string;
let test: TestDatabase;

/** What the foreign project has itself. */
const foreign = [
  "@types/node",
  "undici-types",
  "typescript",
  "react",
  "@types/react",
  "csstype",
  ...[
    "express",
    "express-serve-static-core",
    "body-parser",
    "connect",
    "serve-static",
    "send",
    "mime",
    "qs",
    "range-parser",
    "http-errors",
  ].map((name) => `@types/${name}`),
];

/**
 * What an install of the package would fetch is here already: its dependencies and theirs, and none of what only its
 * development needs. `@types/node` and TypeScript are the foreign project's own.
 */
const linkInstalled = async (modules: string): Promise<void> => {
  const installed = join(root, "node_modules");
  const { stdout } = await run("npm", ["ls", "--omit=dev", "--all", "--parseable", "--silent"], {
    cwd: root,
  });
  const production = stdout
    .split("\n")
    .filter((path) => path.startsWith(installed))
    // Only the outermost: what lies in its own node_modules comes with it.
    .map((path) => relative(installed, path).split("/node_modules/")[0] ?? "");
  for (const name of new Set([...production, ...foreign])) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(installed, name), join(modules, name));
  }
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hasura-usage-package-"));
  const { stdout } = await run(
    "npm",
    ["pack", "--ignore-scripts=false", "--json", "--silent", "--pack-destination", folder],
    {
      cwd: root,
    },
  );
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, "hasura-usage"), { recursive: true });
  await run("tar", [
    "-xzf",
    join(folder, filename),
    "-C",
    join(modules, "hasura-usage"),
    "--strip-components=1",
  ]);
  await linkInstalled(modules);
  await cp(join(root, "examples", "orders", "hasura"), join(folder, "hasura"), { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "foreign", type: "module" }));
  await writeFile(join(folder, "main.js"), script);
  await writeFile(join(folder, "typed.ts"), typed);
  await writeFile(join(folder, "routes.js"), routes);
  await writeFile(join(folder, "typed-routes.ts"), typedRoutes);
  await writeFile(join(folder, "front-end.js"), frontEnd);
  await writeFile(join(folder, "typed-front-end.ts"), typedFrontEnd);
  test = await createTestDatabase();
}, 180_000);

afterAll(async () => {
  await test.drop();
  await rm(folder, { recursive: true, force: true });
});

it("runs a foreign project's metadata from the packed package with plain node", async () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["main.js"], { cwd: folder, env });
  expect(JSON.parse(stdout)).toEqual({
    orders: [{ customer: "Ada" }, { customer: "Bob" }],
    cron: '{"path":"/cron/cancel_stale_orders"}',
    createEngine: "function",
  });
});

it("gates the routes of a foreign Express app from the packed package", async () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const { id } = await createWorkspace(test.database);
  const { stdout } = await run(process.execPath, ["routes.js"], {
    cwd: folder,
    env: { ...env, DATABASE_URL: test.url, WORKSPACE: id },
  });
  expect(JSON.parse(stdout)).toEqual([
    ["export", 200, null, null],
    ["sso", 403, "feature-not-in-plan", "pro"],
    ["ask", 200, null, null],
  ]);
});

it("sends the events of a foreign front end from the packed package, which needs nothing of Node or the rest", async () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["front-end.js"], { cwd: folder, env });
  expect(JSON.parse(stdout)).toEqual({
    received: ["opened"],
    sent: 1,
    hook: "function",
    props: ["telemetry"],
  });
  const dist = join(folder, "node_modules", "hasura-usage", "dist", "telemetry");
  const scripts = (await readdir(dist)).filter((name) => name.endsWith(".js"));
  expect(scripts).toContain("index.js");
  for (const name of scripts) {
    const imports = (await readFile(join(dist, name), "utf8")).matchAll(/from "([^"]+)"/gu);
    for (const [, from] of imports) expect(from).toMatch(/^\.\/|^react$/u);
  }
});

it("brings its types along, and what they need, for a strict project that checks its libraries", async () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [
    "--noEmit",
    "--strict",
    "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--skipLibCheck",
    "false",
    "--types",
    "node",
    "typed.ts",
    "typed-routes.ts",
  ];
  await expect(run(process.execPath, [tsc, ...args], { cwd: folder })).resolves.toMatchObject({ stdout: "" });
}, 120_000);

it("brings types for a front end that has those of the DOM and none of Node", async () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "esnext"];
  const target = [
    "--moduleResolution",
    "bundler",
    "--target",
    "es2022",
    "--lib",
    "es2022,dom",
    "--skipLibCheck",
    "false",
  ];
  await expect(
    run(process.execPath, [tsc, ...args, ...target, "--types", "react", "typed-front-end.ts"], {
      cwd: folder,
    }),
  ).resolves.toMatchObject({ stdout: "" });
}, 120_000);
