import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createServer } from "node:net";
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

/** Runs what `npm start` runs, with settings of its own. */
export function startCommand(env: Readonly<Record<string, string>>): StartedCommand {
  const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...inherited } = process.env;
  const child = spawn(process.execPath, ["src/cli/bootstrap.mjs", "src/cli/dev.ts"], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
        "npm start to be ready",
        () => {
          return child.exitCode !== null || printed.includes("Ctrl-C stops everything.");
        },
        60_000,
      );
      if (child.exitCode !== null)
        throw new Error(`npm start ended with ${String(child.exitCode)}: ${printed}`);
    },
  };
}
