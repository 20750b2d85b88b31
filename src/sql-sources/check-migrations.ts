import { migrate } from "../postgres/index.ts";
import { compare, type Difference } from "./compare.ts";
import type { SourcesOptions } from "./create-migration.ts";
import { compareWithSources } from "./plan-script.ts";
import { readProject } from "./project.ts";
import { withCopy } from "./scratch-copy.ts";
import { placeText, sqlFolder } from "./source-error.ts";
import { readKeys, type SourceKeys, sourcesByKey } from "./source-keys.ts";

const sentence = ({ key, change, object }: Difference, sources: SourceKeys): string => {
  if (object.isGenerated) return `${object.label} is generated, and differs from what its rebuild makes`;
  const source = sources.get(key);
  if (source === undefined) return `${object.label} has no source below ${sqlFolder}`;
  const place = placeText({ path: source.path });
  return change === "added"
    ? `${place}: no migration makes ${object.label}`
    : `${place}: ${object.label} differs from what the migrations make`;
};

/**
 * A sentence for each routine, view and trigger that the migrations and the sources do not have alike; none when they agree.
 * Throws `invalid-source` when a file holds something else than its path says.
 */
export const checkMigrations = async ({
  serverUrl,
  files,
  describe,
}: SourcesOptions): Promise<readonly string[]> => {
  const { sources } = await readProject(files);
  return withCopy(serverUrl, "template0", ({ session }) =>
    session(async (database) => {
      await migrate({ database, migrationsDir: files.migrationsDir });
      return database.transaction(async (tx) => {
        const { before, target } = await compareWithSources(tx, { sources, describe });
        const known = sourcesByKey(sources, await readKeys(tx, sources));
        return compare(before, target).map((difference) => sentence(difference, known));
      });
    }),
  );
};
