import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Readable } from "node:stream";
import { waitFor } from "./wait-for.ts";

export interface StartedCommand {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** All that was printed so far. */
  output(): string;
  /** Exit code once the process is gone; null after a signal. */
  exited(): Promise<number | null>;
  ready(): Promise<void>;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}

/** A data folder and free ports of its own for one product. */
export async function ownSettings(
  name: string,
): Promise<Readonly<Record<"DATA_DIR" | "PORT" | "ENGINE_PORT" | "ACTIONS_PORT", string>>> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const [PORT, ENGINE_PORT, ACTIONS_PORT] = ports.map(String) as [string, string, string];
  return {
    DATA_DIR: await mkdtemp(join(tmpdir(), `hasura-usage-${name}-`)),
    PORT,
    ENGINE_PORT,
    ACTIONS_PORT,
  };
}

/** Runs what `npm start` runs (or the command of another entry), with settings of its own. */
export function startCommand(
  env: Readonly<Record<string, string>>,
  entry = "src/cli/dev.ts",
  readyText = "Ctrl-C stops everything.",
): StartedCommand {
  const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...inherited } = process.env;
  return follow(process.execPath, ["src/cli/bootstrap.mjs", entry], { ...inherited, ...env }, readyText);
}

/** `npm start` itself: npm, its shell, and the product below that. */
export function startThroughNpm(env: Readonly<Record<string, string>>): StartedCommand {
  const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...inherited } = process.env;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  return follow(npm, ["start"], { ...inherited, ...env }, "Ctrl-C stops everything.");
}

function follow(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  readyText: string,
): StartedCommand {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const name = args.at(-1) ?? program;
  let printed = "";
  const collect = (chunk: Buffer): void => {
    printed += chunk.toString();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    child,
    output: () => printed,
    exited: () => exit,
    ready: async () => {
      await waitFor(
        `${name} to be ready`,
        () => {
          return child.exitCode !== null || printed.includes(readyText);
        },
        60_000,
      );
      if (child.exitCode !== null)
        throw new Error(`${name} ended with ${String(child.exitCode)}: ${printed}`);
    },
  };
}

/** Where the cluster lies: in the data folder, or outside of it where the server's own user cannot reach in. */
export async function clusterDir(dataDir: string): Promise<string> {
  const dir = join(dataDir, "postgres");
  const isOutside = (await readdir(dir)).includes("location");
  return isOutside ? (await readFile(join(dir, "location"), "utf8")).trim() : join(dir, "cluster");
}

export async function postmasterPid(dataDir: string): Promise<number> {
  const dir = await clusterDir(dataDir);
  const file = (await readdir(dir, { recursive: true })).find((name) => name.endsWith("postmaster.pid"));
  if (file === undefined) throw new Error(`no postmaster.pid in ${dir}`);
  return Number((await readFile(join(dir, file), "utf8")).split("\n", 1)[0]);
}

/** Removes the data folder and the cluster, wherever that lies. */
export async function removeData(dataDir: string): Promise<void> {
  // Both places hold the cluster in a folder made for it.
  await rm(dirname(await clusterDir(dataDir)), { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

export interface AdminAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
}

/** Asks the gateway of a started product with the admin secret that it keeps in its data folder. */
export async function askAsAdmin(
  env: Readonly<Record<"DATA_DIR" | "PORT", string>>,
  query: string,
  variables: object,
): Promise<AdminAnswer> {
  const { adminSecret } = JSON.parse(await readFile(join(env.DATA_DIR, "secrets.json"), "utf8")) as {
    adminSecret: string;
  };
  const response = await fetch(`http://127.0.0.1:${env.PORT}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-hasura-admin-secret": adminSecret },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as AdminAnswer;
}
