import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { AppError, type Logger } from "../core/index.ts";
import { type Binaries, prepareBinaries } from "./embedded-binaries.ts";
import { type Cluster, prepareCluster } from "./embedded-cluster.ts";
import { claim, clearLeftovers, disclaim, stopPostmaster } from "./embedded-orphan.ts";
import { choosePort, readPostmasterFile } from "./embedded-process.ts";
import { type OsUser, unprivilegedUser } from "./embedded-user.ts";
import { startWatchdog } from "./embedded-watchdog.ts";

export interface EmbeddedPostgresOptions {
  /** Kept between runs; made when missing. */
  readonly dataDir: string;
  /** Any free port without it. */
  readonly port?: number;
  readonly logger: Logger;
  /** Server settings on top of the defaults, as `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The data goes away with the server, as in a test run. */
  readonly temporary?: boolean;
  /** Called once the server is on its way up, which is the time for other work. */
  readonly onSpawned?: () => void;
  /** Unpacked binaries package of another version of PostgreSQL, or a system's installation; the one of npm without it. */
  readonly binariesDir?: string;
  /** An archive from `prepareFilledCluster` to begin with instead of an empty one. */
  readonly from?: string;
}

export interface EmbeddedPostgres {
  readonly url: string;
  readonly port: number;
  /** Fast shutdown; resolves when the server is gone. May be called again. */
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const attempts = 5;

const readTail = async (file: string): Promise<string> => {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, Math.max(0, size - 4096));
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await handle.close();
  }
};

interface Running {
  readonly pid: number;
  readonly port: number;
  readonly hasEnded: () => boolean;
  readonly callOffWatchdog: () => void;
}

const serverArguments = (
  cluster: Cluster,
  port: number,
  settings: Readonly<Record<string, string>>,
): readonly string[] => {
  const all: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    timezone: "UTC",
    log_timezone: "UTC",
    logging_collector: "off",
    // A denied write is an error by design and reaches its caller; a log of them would grow without end.
    log_min_messages: "log",
    ...settings,
  };
  return [
    "-D",
    cluster.folder,
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
};

interface Launch {
  readonly binaries: Binaries;
  readonly cluster: Cluster;
  readonly user: OsUser | undefined;
  readonly logFile: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly removeAfterwards: string | undefined;
  readonly onSpawned: (() => void) | undefined;
}

const launch = async (options: Launch, port: number): Promise<Running> => {
  const { binaries, cluster, user, logFile, settings } = options;
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(binaries.postgres, serverArguments(cluster, port, settings), {
    cwd: cluster.folder,
    // Ctrl-C reaches the terminal's whole group; the server must outlast the work in flight.
    detached: true,
    stdio: ["ignore", log, log],
    ...(user ?? {}),
  });
  closeSync(log);
  let ended: Error | undefined;
  child.on("error", (error) => (ended = error));
  child.on("exit", () => (ended ??= new Error("the server ended")));
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${binaries.postgres} cannot be run`);
  const callOffWatchdog = startWatchdog(pid, cluster.folder, options.removeAfterwards);
  options.onSpawned?.();
  const deadline = Date.now() + startTimeoutMs;
  while (ended === undefined && Date.now() < deadline) {
    const state = await readPostmasterFile(cluster.folder);
    if (state?.ready === true && state.pid === pid) {
      return { pid, port, hasEnded: () => ended !== undefined, callOffWatchdog };
    }
    await delay(8);
  }
  if (ended === undefined) await stopPostmaster(pid);
  callOffWatchdog();
  throw new Error(await readTail(logFile), { cause: ended });
};

/** A port can be taken between the look and the start, and a killed server's children need a moment to leave. */
const isPassing = (error: unknown, fixedPort: boolean): boolean =>
  error instanceof Error &&
  (/pre-existing shared memory block/.test(error.message) ||
    (!fixedPort && /could not bind|could not create any TCP\/IP sockets/.test(error.message)));

const launchWithRetries = async (
  start: (port: number) => Promise<Running>,
  fixedPort: number | undefined,
  logFile: string,
): Promise<Running> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await choosePort(fixedPort));
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (attempt < attempts && isPassing(error, fixedPort !== undefined)) {
        await delay(300);
        continue;
      }
      throw new AppError({
        kind: "unavailable",
        code: "postgres-start-failed",
        message: `PostgreSQL did not start; ${logFile} says why.`,
        context: { log: error instanceof Error ? error.message : String(error) },
        cause: error,
      });
    }
  }
};

const startClaimed = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  const { dataDir, logger, settings = {} } = options;
  const user = unprivilegedUser();
  const binaries = await prepareBinaries(user, options.binariesDir);
  const cluster = await prepareCluster(dataDir, binaries, user, logger, options.from);
  await clearLeftovers(cluster.folder, logger);
  const logFile = join(dataDir, "postgres.log");
  const removeAfterwards = options.temporary === true ? dataDir : undefined;
  const start: Launch = {
    binaries,
    cluster,
    user,
    logFile,
    settings,
    removeAfterwards,
    onSpawned: options.onSpawned,
  };
  const running = await launchWithRetries((port) => launch(start, port), options.port, logFile);
  const { pid, port } = running;
  logger.debug({ pid, port }, "PostgreSQL is running");
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    if (!running.hasEnded()) await stopPostmaster(pid);
    running.callOffWatchdog();
    await disclaim(dataDir);
    if (options.temporary !== true) return;
    await rm(cluster.folder, { recursive: true, force: true });
    await rm(dataDir, { recursive: true, force: true });
  };
  return {
    url: `postgres://postgres:${cluster.password}@127.0.0.1:${String(port)}/postgres`,
    port,
    stop: () => (stopping ??= stop()),
  };
};

/** Starts the PostgreSQL that npm installed on 127.0.0.1, with a password, bound to the life of this process. */
export const startEmbeddedPostgres = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  const { dataDir } = options;
  await mkdir(dataDir, { recursive: true });
  await claim(dataDir);
  try {
    return await startClaimed(options);
  } catch (error) {
    await disclaim(dataDir);
    throw error;
  }
};
