import { AppError, type Database } from "../core/index.ts";
import { readSeeds } from "./hasura-folder.ts";

export interface ApplySeedsOptions {
  readonly database: Database;
  /** `hasura/seeds`, with one folder a database, or that folder. */
  readonly seedsDir: string;
}

/** Runs every seed, each in a transaction; they are written to change nothing the second time. Returns their names. */
export const applySeeds = async ({ database, seedsDir }: ApplySeedsOptions): Promise<readonly string[]> => {
  const seeds = await readSeeds(seedsDir);
  for (const { name, text } of seeds) {
    try {
      await database.transaction((tx) => tx.script(text));
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError({
        kind: "internal",
        code: "seed-failed",
        message: `Seed ${name} failed and was rolled back: ${cause instanceof Error ? cause.message : "unknown error"}`,
        cause,
      });
    }
  }
  return seeds.map(({ name }) => name);
};
