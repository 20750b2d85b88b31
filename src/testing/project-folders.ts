import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { AppError } from "../core/index.ts";

/** A folder that was named but is not there would be as good as an empty one, and the test would fail far from the reason. */
export const requireFolders = async (
  folders: Readonly<Record<"metadata" | "migrations" | "seeds", string | undefined>>,
): Promise<void> => {
  for (const [option, folder] of Object.entries(folders)) {
    if (folder === undefined) continue;
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() === true) continue;
    throw new AppError({
      kind: "invalid-input",
      code: "folder-not-found",
      message: `${option}: there is no folder ${resolve(folder)}`,
    });
  }
};
