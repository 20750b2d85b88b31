import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { AppError, type Logger } from "../core/index.ts";
import type { Binaries } from "./embedded-binaries.ts";
import { packCluster, runProgram, unpackCluster } from "./embedded-process.ts";
import { isReachableByOthers, type OsUser } from "./embedded-user.ts";

/** Kept inside the cluster, so that a copy of the template carries its password along. */
const passwordFile = "hasura-usage-password";

const projectCache = join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".cache");

export const ownerOf = (user: OsUser | undefined): number => user?.uid ?? process.getuid?.() ?? 0;

/** Nothing is known of the platform's C.UTF-8 outside Linux; the server's own provider has the same order. */
const localeFlags = (major: number): readonly string[] => {
  if (process.platform === "linux") return ["--locale=C.UTF-8"];
  return major >= 17
    ? ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    : ["--locale=C"];
};

const initialise = async (binaries: Binaries, folder: string, user: OsUser | undefined): Promise<void> => {
  const password = randomBytes(24).toString("hex");
  const file = `${folder}.password`;
  await writeFile(file, password, { mode: 0o600 });
  if (user !== undefined) await chown(file, user.uid, user.gid);
  try {
    const args = [
      "-D",
      folder,
      "--username=postgres",
      "--encoding=UTF8",
      ...localeFlags(binaries.major),
      "--auth=scram-sha-256",
      `--pwfile=${file}`,
      // The password is random and long: repeated hashing would only slow every connection.
      ...(binaries.major >= 16 ? ["--set=scram_iterations=1"] : []),
      "--no-sync",
    ];
    await runProgram(binaries.initdb, args, { user, cwd: dirname(folder) });
    await rename(file, join(folder, passwordFile));
  } finally {
    await rm(file, { force: true });
  }
};

/** A folder for templates that the server's user can reach, in the project if it can. */
export const templateParent = async (user: OsUser | undefined): Promise<string> => {
  const candidate = async (folder: string): Promise<string | undefined> => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      const info = await lstat(folder);
      const ours = process.getuid === undefined || info.uid === process.getuid();
      const reachable = user === undefined || (await isReachableByOthers(folder));
      return info.isDirectory() && ours && reachable ? folder : undefined;
    } catch {
      return undefined;
    }
  };
  const shared = join(tmpdir(), `hasura-usage-cache-${String(process.getuid?.() ?? 0)}`);
  return (await candidate(projectCache)) ?? (await candidate(shared)) ?? (await mkdtemp(`${shared}-`));
};

/** Runs initdb once per version; every further cluster is unpacked from the archive of the result, as filled ones are. */
const prepareTemplate = async (binaries: Binaries, user: OsUser | undefined): Promise<string> => {
  const parent = await templateParent(user);
  const template = join(parent, `postgres-template-${binaries.version}-${String(ownerOf(user))}.tar`);
  if (existsSync(template)) return template;
  const work = await mkdtemp(`${template}-`);
  try {
    if (user !== undefined) await chown(work, user.uid, user.gid);
    const folder = join(work, "cluster");
    await initialise(binaries, folder, user);
    const archive = join(work, "cluster.tar");
    await packCluster(folder, archive);
    // Its password stands in it.
    await chmod(archive, 0o600);
    // Another process may have finished first; its template is as good.
    await rename(archive, template);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return template;
};

const fallbackLocation = (dataDir: string): string => {
  const name = `hasura-usage-data-${createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 16)}`;
  // Unlike the temporary folder, this one survives a restart of the machine.
  return join(existsSync("/var/tmp") ? "/var/tmp" : tmpdir(), name);
};

/** Where the cluster lies: in `dataDir`, or elsewhere when the server's user cannot get there; then noted in it. */
const locate = async (dataDir: string, user: OsUser | undefined, logger: Logger): Promise<string> => {
  await mkdir(dataDir, { recursive: true });
  const note = join(dataDir, "location");
  const noted = (await readFile(note, "utf8").catch(() => "")).trim();
  if (noted !== "") {
    if (!existsSync(noted))
      logger.warn({ location: noted }, "the noted data directory is gone; starting empty");
    return noted;
  }
  const inside = join(resolve(dataDir), "cluster");
  const { mode } = await stat(dataDir);
  // The cluster guards itself; its parent needs to let the server's user pass, no more.
  if (user !== undefined && (mode & 0o001) === 0) await chmod(dataDir, mode | 0o001);
  if (user === undefined || (await isReachableByOthers(resolve(dataDir)))) return inside;
  const outside = join(fallbackLocation(dataDir), "cluster");
  await writeFile(note, `${outside}\n`);
  return outside;
};

const requireVersion = async (cluster: string, dataDir: string, major: number): Promise<void> => {
  const found = (await readFile(join(cluster, "PG_VERSION"), "utf8").catch(() => "")).trim();
  if (found === String(major)) return;
  const held = found === "" ? "no complete cluster" : `a PostgreSQL ${found} cluster`;
  throw new AppError({
    kind: "conflict",
    code: "data-directory-version",
    message: `${dataDir} holds ${held}, this is PostgreSQL ${String(major)}: move it away to start empty, or set DATABASE_URL.`,
  });
};

export interface Cluster {
  readonly folder: string;
  readonly password: string;
}

/** Opens the cluster of `dataDir`, unpacking `filled` or the empty template if there is none. */
export const prepareCluster = async (
  dataDir: string,
  binaries: Binaries,
  user: OsUser | undefined,
  logger: Logger,
  filled?: string,
): Promise<Cluster> => {
  const folder = await locate(dataDir, user, logger);
  if (!existsSync(folder)) {
    await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
    const copying = `${folder}.copying`;
    await rm(copying, { recursive: true, force: true });
    await unpackCluster(filled ?? (await prepareTemplate(binaries, user)), copying);
    await chmod(copying, 0o700);
    await rename(copying, folder);
  }
  await requireVersion(folder, dataDir, binaries.major);
  const info = await lstat(folder);
  if (process.getuid !== undefined && info.uid !== ownerOf(user)) {
    throw new AppError({
      kind: "conflict",
      code: "data-directory-owner",
      message: `${dataDir} belongs to another user: start as that user, or give it to this one.`,
    });
  }
  const password = (await readFile(join(folder, passwordFile), "utf8")).trim();
  return { folder, password };
};
