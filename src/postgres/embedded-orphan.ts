import { readFileSync, realpathSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AppError, type Logger } from "../core/index.ts";
import { isAlive, readPostmasterFile, runProgram, startTimeOf, waitForEnd } from "./embedded-process.ts";

interface Owner {
  readonly pid: number;
  readonly startTime?: string | undefined;
}

const ownerFile = (dataDir: string): string => join(dataDir, "owner.json");

/** Notes which process answers for the server, so that a later start can tell an orphan from a neighbour. */
export const claim = async (dataDir: string): Promise<void> => {
  const owner: Owner = { pid: process.pid, startTime: startTimeOf(process.pid) };
  await writeFile(ownerFile(dataDir), JSON.stringify(owner));
};

export const disclaim = (dataDir: string): Promise<void> => rm(ownerFile(dataDir), { force: true });

const hasLiveOwner = async (dataDir: string): Promise<boolean> => {
  const text = await readFile(ownerFile(dataDir), "utf8").catch(() => "");
  if (text === "") return false;
  const owner = JSON.parse(text) as Owner;
  if (!isAlive(owner.pid)) return false;
  return owner.startTime === undefined || owner.startTime === startTimeOf(owner.pid);
};

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

/** Ends what a killed run left behind in this data directory; refuses while another run is using it. */
export const clearLeftovers = async (dataDir: string, cluster: string, logger: Logger): Promise<void> => {
  const left = await readPostmasterFile(cluster);
  if (left === undefined) return;
  if (await isPostmasterOf(left.pid, cluster)) {
    if (await hasLiveOwner(dataDir)) {
      throw new AppError({
        kind: "conflict",
        code: "data-directory-in-use",
        message: `${dataDir} is in use by another running process: stop it, or choose another DATA_DIR.`,
      });
    }
    logger.warn({ pid: left.pid }, "stopping the PostgreSQL that an earlier run left behind");
    await stopPostmaster(left.pid);
  }
  // The server would take a recycled pid in this file for a rival and refuse to start.
  await rm(join(cluster, "postmaster.pid"), { force: true });
};
