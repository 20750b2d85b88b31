import { randomBytes } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AppError, type Logger } from "../core/index.ts";
import { isAlive, readPostmasterFile, runProgram, startTimeOf, waitForEnd } from "./embedded-process.ts";

const claimAttempts = 5;

interface Owner {
  readonly pid: number;
  readonly startTime?: string | undefined;
}

const ownerFile = (dataDir: string): string => join(dataDir, "owner.json");

const inUse = (dataDir: string): AppError =>
  new AppError({
    kind: "conflict",
    code: "data-directory-in-use",
    message: `${dataDir} is in use by another running process: stop it, or choose another DATA_DIR.`,
  });

export const disclaim = (dataDir: string): Promise<void> => rm(ownerFile(dataDir), { force: true });

/** The pid in the file may be a stranger's by now: a postmaster works in its data directory or names it. */
const isPostmasterOf = async (pid: number, cluster: string): Promise<boolean> => {
  if (!isAlive(pid)) return false;
  if (process.platform === "linux") {
    try {
      return realpathSync(`/proc/${String(pid)}/cwd`) === realpathSync(cluster);
    } catch {
      return readFileSync(`/proc/${String(pid)}/cmdline`, "utf8").includes(cluster);
    }
  }
  return runProgram("sh", ["-c", `ps -o command= -p ${String(pid)} | grep -qF -- "$0"`, cluster]).then(
    () => true,
    () => false,
  );
};

/**
 * "unsure" where a living owner may not be one: ourselves, after our server died, and, without a start time as outside of
 * Linux, a stranger with a recycled pid.
 */
const ownerState = async (file: string): Promise<"alive" | "gone" | "unsure"> => {
  const text = await readFile(file, "utf8").catch(() => "");
  if (text === "") return "gone";
  const owner = JSON.parse(text) as Owner;
  if (!isAlive(owner.pid)) return "gone";
  if (owner.startTime === undefined || owner.pid === process.pid) return "unsure";
  return owner.startTime === startTimeOf(owner.pid) ? "alive" : "gone";
};

/** An unsure owner counts while a server runs. */
const isOwned = async (file: string, cluster: string): Promise<boolean> => {
  const state = await ownerState(file);
  if (state !== "unsure") return state === "alive";
  const server = await readPostmasterFile(cluster);
  return server !== undefined && (await isPostmasterOf(server.pid, cluster));
};

const unless =
  (code: string) =>
  (error: unknown): void => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };

/**
 * Makes this process the one that answers for the data directory, before it touches anything in it. Refuses while another
 * lives, takes over from a dead one; of two that start at once one gets it.
 */
export const claim = async (dataDir: string): Promise<void> => {
  const file = ownerFile(dataDir);
  const cluster = join(dataDir, "cluster");
  const unique = `${file}.${String(process.pid)}.${randomBytes(4).toString("hex")}`;
  const owner: Owner = { pid: process.pid, startTime: startTimeOf(process.pid) };
  // Linked into place whole, so that nobody reads half a name.
  await writeFile(unique, JSON.stringify(owner));
  try {
    for (let attempt = 0; attempt < claimAttempts; attempt += 1) {
      let isTaken = false;
      await link(unique, file).catch((error: unknown) => {
        unless("EEXIST")(error);
        isTaken = true;
      });
      if (!isTaken) return;
      if (await isOwned(file, cluster)) throw inUse(dataDir);
      const aside = `${unique}.old`;
      await rename(file, aside).catch(unless("ENOENT"));
      // Another start may have taken over between the look and the rename: its name goes back.
      if (await isOwned(aside, cluster)) await link(aside, file).catch(unless("EEXIST"));
      await rm(aside, { force: true });
    }
    throw inUse(dataDir);
  } finally {
    await rm(unique, { force: true });
  }
};

/** Fast shutdown, then the immediate one; the next start recovers from the log in that case. */
export const stopPostmaster = async (pid: number): Promise<void> => {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    if (await waitForEnd(pid, signal === "SIGINT" ? 15_000 : 5_000)) return;
  }
};

/** Ends what a killed run left behind; for whoever has claimed the data directory. */
export const clearLeftovers = async (cluster: string, logger: Logger): Promise<void> => {
  const left = await readPostmasterFile(cluster);
  if (left === undefined) return;
  if (await isPostmasterOf(left.pid, cluster)) {
    logger.warn({ pid: left.pid }, "stopping the PostgreSQL that an earlier run left behind");
    await stopPostmaster(left.pid);
  }
  // The server would take a recycled pid in this file for a rival and refuse to start.
  await rm(join(cluster, "postmaster.pid"), { force: true });
};
