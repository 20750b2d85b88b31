import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./start-command.ts";
import { waitFor } from "./wait-for.ts";

export interface TestRedis {
  readonly url: string;
  /** Ends the process and leaves the port. */
  kill(): Promise<void>;
  /** Starts it on the same port, empty. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A redis-server of its own on a free port, without persistence. */
export async function startRedis(): Promise<TestRedis> {
  if (spawnSync("redis-server", ["--version"]).error !== undefined)
    throw new Error(
      "redis-server is not installed: apt-get install redis-server, or run npm test without it",
    );
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), "hasura-usage-redis-"));
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    let printed = "";
    const started = spawn(
      "redis-server",
      ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    started.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child = started;
    await waitFor("redis-server", () => {
      if (started.exitCode !== null) throw new Error(printed);
      return printed.includes("Ready to accept connections");
    });
  };

  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await gone;
  };

  await start();
  return {
    url: `redis://127.0.0.1:${String(port)}`,
    start,
    kill,
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
