import { fork } from "node:child_process";
import { createServer, type RequestListener, type Server } from "node:http";
import { join } from "node:path";

import { projectRoot } from "../../src/cli/settings.ts";
import { portOf } from "../../src/cli/listen.ts";

export interface ProcessUsage {
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** Statements sent to the database, where the server counts them. */
  readonly statements?: number;
}

export interface Served {
  readonly port: number;
  /** What the server says of itself: versions. */
  readonly about: Readonly<Record<string, string>>;
  /** CPU time since its start and present memory of the server's process. */
  usage(): Promise<ProcessUsage>;
  stop(): Promise<void>;
}

interface ChildMessage {
  readonly port?: number;
  readonly about?: Readonly<Record<string, string>>;
  readonly usage?: ProcessUsage;
}

export interface ServedOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Another Node than this one. */
  readonly execPath?: string;
  /** Run as it is, instead of as TypeScript of this project. */
  readonly plainFile?: string;
}

/** Starts `file` (from the project's root) as a process of its own that calls `serve`. */
export const startServed = async (file: string, options: ServedOptions): Promise<Served> => {
  const runner = join(projectRoot, "bench", "support", "run-compiled.mjs");
  const plain = options.plainFile;
  const child = fork(plain ?? runner, plain === undefined ? [file] : [], {
    env: { ...process.env, ...options.env },
    execArgv: (options.env["BENCH_NODE_FLAGS"] ?? "").split(" ").filter((flag) => flag !== ""),
    stdio: ["ignore", 2, 2, "ipc"],
    ...(options.execPath === undefined ? {} : { execPath: options.execPath }),
  });
  const next = <T>(pick: (message: ChildMessage) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(`${file} ended`));
      child.once("exit", onExit);
      const onMessage = (message: unknown): void => {
        const picked = pick(message as ChildMessage);
        if (picked === undefined) return;
        child.off("message", onMessage);
        child.off("exit", onExit);
        resolve(picked);
      };
      child.on("message", onMessage);
    });
  const { port, about } = await next((message) =>
    message.port === undefined ? undefined : { port: message.port, about: message.about ?? {} },
  );
  return {
    port,
    about,
    usage: () => {
      const answer = next((message) => message.usage);
      child.send("usage");
      return answer;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.send("stop");
      }),
  };
};

/** One server for each name, which it reads as `BENCH_GATE`, on the database of the bench. */
export const startServers = async (
  file: string,
  names: readonly string[],
  databaseUrl: string,
): Promise<ReadonlyMap<string, Served>> => {
  const servers = new Map<string, Served>();
  for (const name of names)
    servers.set(
      name,
      await startServed(file, { env: { BENCH_SERVER_DATABASE_URL: databaseUrl, BENCH_GATE: name } }),
    );
  return servers;
};

/** The child's side: listens on any port, tells it, answers questions, ends when told or when its parent is gone. */
export const serve = async (
  listener: RequestListener,
  onStop: () => Promise<void>,
  prepare: (server: Server) => void = () => undefined,
  statements: () => number = () => 0,
): Promise<void> => {
  const server = createServer(listener);
  prepare(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const end = (): void => {
    server.closeAllConnections();
    void onStop().finally(() => process.exit(0));
  };
  process.on("disconnect", end);
  process.on("message", (message) => {
    if (message === "stop") end();
    else {
      const { user, system } = process.cpuUsage();
      process.send?.({
        usage: { cpuUs: user + system, rssBytes: process.memoryUsage.rss(), statements: statements() },
      });
    }
  });
  process.send?.({ port: portOf(server) });
};
