import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "../core/index.ts";
import { prepareBinaries } from "./embedded-binaries.ts";
import { ownerOf, templateParent } from "./embedded-cluster.ts";
import { packCluster } from "./embedded-process.ts";
import { unprivilegedUser } from "./embedded-user.ts";
import { startEmbeddedPostgres } from "./embedded.ts";

export interface FilledClusterOptions {
  /** Names the content: the same key must always be filled with the same. */
  readonly key: string;
  readonly logger: Logger;
  readonly settings?: Readonly<Record<string, string>>;
  /** Runs once per key, against an empty server. */
  readonly fill: (url: string) => Promise<void>;
}

/** A cluster is some 40 MB, and every edited migration makes one. */
const kept = 4;
/** A younger one may be in the middle of being copied by another process. */
const idleMs = 3_600_000;

const removeOld = async (parent: string, prefix: string): Promise<void> => {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  const used = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(parent, name))).mtimeMs })),
  );
  const old = used.sort((left, right) => right.at - left.at).slice(kept);
  for (const { name, at } of old) {
    if (Date.now() - at > idleMs) await rm(join(parent, name), { recursive: true, force: true });
  }
};

/** The archive of a stopped cluster that `fill` has filled, made once per key; for `from` of the embedded server. */
export const prepareFilledCluster = async (options: FilledClusterOptions): Promise<string> => {
  const { key, logger, settings = {}, fill } = options;
  const user = unprivilegedUser();
  const binaries = await prepareBinaries(user);
  const parent = await templateParent(user);
  const prefix = `postgres-filled-${binaries.version}-${String(ownerOf(user))}-`;
  const target = join(parent, `${prefix}${key}.tar`);
  if (existsSync(target)) {
    const now = new Date();
    await utimes(target, now, now).catch(() => undefined);
    return target;
  }
  const work = await mkdtemp(join(parent, "filling-"));
  await chmod(work, 0o711);
  try {
    const server = await startEmbeddedPostgres({ dataDir: work, logger, settings });
    try {
      await fill(server.url);
    } finally {
      await server.stop();
    }
    const archive = join(work, "cluster.tar");
    await packCluster(join(work, "cluster"), archive);
    // Its password stands in it.
    await chmod(archive, 0o600);
    // Another process may have finished first; its cluster is as good.
    await rename(archive, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await removeOld(parent, prefix).catch(() => undefined);
  return target;
};
