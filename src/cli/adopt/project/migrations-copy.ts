import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listFolder } from "../files.ts";

/** Lends a copy of a folder of migrations without those that are gone. */
export const withFolderOf = async <T>(
  migrationsDir: string,
  isGone: (name: string) => boolean,
  work: (folder: string) => Promise<T>,
): Promise<T> => {
  const copy = await mkdtemp(join(tmpdir(), "hasura-usage-migrations-"));
  try {
    for (const name of await listFolder(migrationsDir))
      if (!isGone(name)) await cp(join(migrationsDir, name), join(copy, name), { recursive: true });
    return await work(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
};
