// Plain JavaScript on purpose: it runs before node_modules exists. Installs from the lock file once, then runs
// a TypeScript entry (or Jest) in this very process group, so that Ctrl-C reaches everything.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node 20.19 or newer is needed; this is ${process.versions.node}.`);
  process.exit(1);
}

const marker = join(root, "node_modules", ".hasura-usage-lock");
const lockDigest = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const isInstalled = () => existsSync(marker) && readFileSync(marker, "utf8") === lockDigest;

const npmVersionOfTree = () => {
  const hidden = join(root, "node_modules", ".package-lock.json");
  return existsSync(hidden) && statSync(hidden).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
};

if (!isInstalled()) {
  if (!npmVersionOfTree()) {
    console.error("install    packages from package-lock.json (once) ...");
    const started = Date.now();
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const result = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--include=dev"], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (result.status !== 0) {
      console.error("npm ci failed; see the lines above.");
      process.exit(1);
    }
    console.error(`install    done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  writeFileSync(marker, lockDigest);
}

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
  const { register } = await import("tsx/esm/api");
  register();
  process.argv.splice(1, 2, join(root, entry));
  await import(pathToFileURL(join(root, entry)).href);
}
