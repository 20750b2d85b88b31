import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";

import type { SourceFile } from "./parse-source.ts";

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Every `.sql` file below the folder, in the order of their paths; none when there is no such folder. */
export const readSources = async (sqlDir: string): Promise<readonly SourceFile[]> => {
  const names = await readdir(sqlDir, { recursive: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const paths = names
    .map((name) => name.split(sep).join("/"))
    .filter((path) => path.endsWith(".sql"))
    .sort();
  return Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(sqlDir, ...path.split("/")), "utf8") })),
  );
};
