import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { projectRoot } from "../../src/cli/settings.ts";

export interface StartSample {
  /** From the spawn to the first 200 of /healthz. */
  readonly wallMs: number;
  /** Of the started process alone until then; null where the system does not tell, or for a process behind npm. */
  readonly cpuMs: number | null;
}

const pollMs = 10;
const timeoutMs = 60_000;
/** `USER_HZ` is 100 on every Linux that Node runs on. */
const msPerTick = 10;

const cpuMsOf = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return null;
  }
};

const isHealthy = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${String(port)}/healthz`)).ok;
  } catch {
    return false;
  }
};

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });

const stopped = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
    // A group of its own: npm's shell and the product both hear it.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
  });

/** Starts the product on `dataDir`, waits until it answers, lets it stay for `stayMs`, and stops it. */
export const timeStart = async (
  command: "npm start" | "node",
  dataDir: string,
  stayMs = 0,
): Promise<StartSample> => {
  const [port, enginePort, actionsPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const [program, args] =
    command === "node"
      ? [process.execPath, ["src/cli/bootstrap.mjs", "src/cli/dev.ts"]]
      : ["npm", ["start", "--silent"]];
  const startedAt = performance.now();
  const child = spawn(program, args, {
    cwd: projectRoot,
    detached: true,
    stdio: "ignore",
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      PORT: String(port),
      ENGINE_PORT: String(enginePort),
      ACTIONS_PORT: String(actionsPort),
    },
  });
  child.on("error", () => undefined);
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${String(child.exitCode)}`);
    if (performance.now() - startedAt > timeoutMs) throw new Error(`${command} was not ready in time`);
    await delay(pollMs);
  }
  const wallMs = performance.now() - startedAt;
  const cpuMs = command === "node" && child.pid !== undefined ? cpuMsOf(child.pid) : null;
  await delay(stayMs);
  await stopped(child);
  return { wallMs, cpuMs };
};
