// Plain JavaScript on purpose: it runs before node_modules exists.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { takeInstallLock } from "./install-lock.mjs";

const tailChars = 4_000;
const progressEveryMs = 400;
/** Without a terminal each step of the progress is a line of its own. */
const plainProgressEveryMs = 5_000;

/** @param {string} file */
const readJson = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
};

/** Packages of the lock file by folder; those of other platforms are optional and may stay away. */
const lockedPackages = (root) =>
  Object.entries(readJson(join(root, "package-lock.json"))?.packages ?? {}).filter(([path]) => path !== "");

/** As npm reads `os`, `cpu` and `libc`, closely enough for a display. */
const isForHere = ({ os, cpu, libc }) =>
  (os === undefined || os.includes(process.platform)) &&
  (cpu === undefined || cpu.includes(process.arch)) &&
  (libc === undefined || libc.includes("glibc"));

/** npm writes its own list last: an install that was cut off has none. It must name what the lock file names. */
const isTreeComplete = (root) => {
  const installed = readJson(join(root, "node_modules", ".package-lock.json"))?.packages;
  if (installed === undefined) return false;
  return lockedPackages(root).every(
    ([path, { version, optional }]) =>
      installed[path]?.version === version || (optional === true && installed[path] === undefined),
  );
};

/** npm as it started us, or the one beside this Node, or the first in PATH. */
const npmCommand = () => {
  const given = process.env.npm_execpath;
  const bin = dirname(process.execPath);
  const known = [
    ...(given !== undefined && basename(given) === "npm-cli.js" ? [given] : []),
    join(bin, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
    join(bin, "node_modules", "npm", "bin", "npm-cli.js"),
  ].find((file) => existsSync(file));
  if (known !== undefined) return { command: process.execPath, args: [known] };
  return { command: process.platform === "win32" ? "npm.cmd" : "npm", args: [] };
};

/** A service account may have no home to keep npm's cache in. */
const cacheArguments = (root) => {
  try {
    accessSync(existsSync(join(homedir(), ".npm")) ? join(homedir(), ".npm") : homedir(), constants.W_OK);
    return [];
  } catch {
    return ["--cache", join(root, ".cache", "npm")];
  }
};

/** Shows how many packages are there already, and for how long; returns how to end the display. */
const showProgress = (root) => {
  const startedAt = performance.now();
  const paths = lockedPackages(root)
    .filter(([, entry]) => isForHere(entry))
    .map(([path]) => join(root, path, "package.json"));
  const terminal = process.stderr.isTTY === true;
  const timer = setInterval(
    () => {
      const there = paths.filter((path) => existsSync(path)).length;
      // npm fetches everything first, so the count may stand still; the seconds show that it goes on.
      const seconds = String(Math.round((performance.now() - startedAt) / 1000));
      const text = `install    ${String(there)} of ${String(paths.length)} packages, ${seconds} s`;
      process.stderr.write(terminal ? `\r${text}` : `${text}\n`);
    },
    terminal ? progressEveryMs : plainProgressEveryMs,
  );
  return () => {
    clearInterval(timer);
    if (terminal) process.stderr.write("\r\u001b[K");
  };
};

/** Resolves with what went wrong, or undefined. */
const runNpm = (root, lock) =>
  new Promise((resolve) => {
    const { command, args } = npmCommand();
    const options = ["ci", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error", "--include=dev"];
    const child = spawn(command, [...args, ...options, ...cacheArguments(root)], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk) => (said = (said + chunk).slice(-tailChars)));
    if (child.pid !== undefined) lock.noteInstaller(child.pid);
    const endProgress = showProgress(root);
    const forward = (signal) => {
      endProgress();
      child.kill(signal);
      // The lock stays and names npm: until that has ended too, another install would run into its files.
      process.exit(1);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, forward);
    let settled = false;
    const settle = (fault) => {
      if (settled) return;
      settled = true;
      for (const signal of signals) process.off(signal, forward);
      endProgress();
      resolve(fault);
    };
    child.on("error", (error) => settle(`npm cannot be run: ${error.message}`));
    child.on("close", (code) =>
      settle(code === 0 ? undefined : said.trim() || `npm ended with ${String(code)}`),
    );
  });

/**
 * Installs from the lock file, once: a second command started meanwhile waits, and what a killed one left half done is
 * done again. Throws with npm's own words.
 */
export const ensureInstalled = async (root) => {
  const marker = join(root, "node_modules", ".hasura-usage-lock");
  const digest = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const isMarked = () => existsSync(marker) && readFileSync(marker, "utf8") === digest;
  if (isMarked()) return;
  const lock = await takeInstallLock(root, (pid) => {
    console.error(`install    waiting for process ${String(pid)}, which installs already`);
  });
  try {
    if (isMarked()) return;
    if (!isTreeComplete(root)) {
      console.error("install    packages from package-lock.json, once ...");
      const startedAt = performance.now();
      const fault = await runNpm(root, lock);
      if (fault !== undefined) throw new Error(`the packages cannot be installed (npm ci):\n${fault}`);
      console.error(`install    done  (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    }
    writeFileSync(marker, digest);
  } finally {
    lock.release();
  }
};
