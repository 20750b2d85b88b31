import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { SessionNames } from "../core/index.ts";
import { type ApiLimits, parseApiLimits } from "../gateway/index.ts";

/** Hasura's limits of a metadata folder, for the gateway; a folder without the file has none. */
export async function readApiLimits(folder: string, names: SessionNames): Promise<ApiLimits> {
  let content = "";
  try {
    content = await readFile(join(folder, "api_limits.yaml"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return parseApiLimits(parse(content), names);
}
