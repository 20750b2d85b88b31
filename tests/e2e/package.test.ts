import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "@jest/globals";

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

let folder: string;

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
  for (const name of new Set([...production, "@types/node", "undici-types", "typescript"])) {
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
}, 180_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

it("runs a foreign project's metadata from the packed package with plain node", async () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["main.js"], { cwd: folder, env });
  expect(JSON.parse(stdout)).toEqual({
    orders: [{ customer: "Ada" }, { customer: "Bob" }],
    cron: '{"path":"/cron/cancel_stale_orders"}',
    createEngine: "function",
  });
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
  ];
  await expect(run(process.execPath, [tsc, ...args], { cwd: folder })).resolves.toMatchObject({ stdout: "" });
}, 120_000);
