// Plain JavaScript on purpose: it runs before node_modules exists. Installs from the lock file once, then runs
// a TypeScript entry (or Jest) in this very process group, so that Ctrl-C reaches everything.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runCompiled } from "./compiled.mjs";
import { ensureInstalled } from "./install.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node 20.19 or newer is needed; this is ${process.versions.node}.`);
  process.exit(1);
}

const parentCheckMs = 500;

/** Field 4 of /proc/<pid>/stat; empty where there is no such file. */
const parentOf = (pid) => {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  } catch {
    return "";
  }
};

/**
 * npm passes a SIGTERM to the shell between us, which ends without a word to us; after SIGKILL npm is gone and the shell waits
 * on. Whoever starts this file without npm may leave it running on its own.
 */
const endWithNpm = () => {
  if (process.env.npm_lifecycle_event === undefined) return;
  const above = () => `${String(process.ppid)} ${parentOf(process.ppid)}`;
  const atStart = above();
  const timer = setInterval(() => {
    if (above() === atStart) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, parentCheckMs);
  timer.unref();
};

endWithNpm();
try {
  await ensureInstalled(root);
} catch (error) {
  console.error(`install: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

/** What an operator starts and waits for. The rest is run file by file: it loads code by name. */
const compiledEntries = new Set([
  "src/cli/dev.ts",
  "src/cli/demo.ts",
  "src/cli/engine.ts",
  "src/cli/migrate.ts",
  "actions/main.ts",
]);

const [entry = "", ...rest] = process.argv.slice(2);
if (entry === "--jest") {
  const jest = join(root, "node_modules", "jest", "bin", "jest.js");
  const child = spawn(process.execPath, ["--experimental-vm-modules", "--no-warnings", jest, ...rest], {
    cwd: root,
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
} else {
  process.argv.splice(1, 2, join(root, entry));
  const isCompiled = compiledEntries.has(entry) && (await runCompiled(root, entry));
  if (!isCompiled) {
    const { register } = await import("tsx/esm/api");
    register();
    await import(pathToFileURL(join(root, entry)).href);
  }
}
