// Plain JavaScript on purpose: it runs before node_modules exists.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 200;
/** Between making the file and writing into it a lock names nobody. */
const emptyGraceMs = 2_000;

/** Ticks since boot at which a process began: a recycled pid is another process. Linux only. */
const startTimeOf = (pid) => {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "zombie" : (fields[19] ?? "");
  } catch {
    return "";
  }
};

const isAlive = ({ pid, startTime }) => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return startTimeOf(pid) === startTime;
};

const nameOf = (pid) => ({ pid, startTime: startTimeOf(pid) });

const readHolders = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return error.code === "ENOENT" ? undefined : [];
  }
};

const tryCreate = (file) => {
  try {
    writeFileSync(file, JSON.stringify([nameOf(process.pid)]), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
};

/** Two waiters may find the same dead lock, and the slower one then holds the new lock of the other: it goes back. */
const clearDead = (file) => {
  const aside = `${file}.${String(process.pid)}`;
  try {
    renameSync(file, aside);
    if (readHolders(aside)?.some(isAlive) === true) linkSync(aside, file);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
};

/**
 * Takes the right to install into `root`. The lock names its process and npm's: as long as one of them lives the tree may
 * be in the making, also when the first was killed and npm goes on alone.
 */
export const takeInstallLock = async (root, onWait) => {
  const folder = join(root, ".cache");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "install.lock");
  let waitedFor;
  let emptySince;
  while (!tryCreate(file)) {
    const holders = readHolders(file);
    if (holders === undefined) continue;
    const living = holders.find(isAlive);
    if (living !== undefined) {
      if (waitedFor !== living.pid) onWait(living.pid);
      waitedFor = living.pid;
    } else if (holders.length > 0 || Date.now() - (emptySince ??= Date.now()) > emptyGraceMs) {
      clearDead(file);
      continue;
    }
    await delay(pollMs);
  }
  return {
    noteInstaller: (pid) => writeFileSync(file, JSON.stringify([nameOf(process.pid), nameOf(pid)])),
    release: () => rmSync(file, { force: true }),
  };
};
