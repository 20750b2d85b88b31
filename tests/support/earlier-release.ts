import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasuraDir } from "./database.ts";

export interface EarlierRelease {
  /** As `from` of adopt. */
  readonly folder: string;
  remove(): Promise<void>;
}

const settings = "1764000205000_create_settings";

/**
 * The present release as an earlier one might have been: without a table, with routines that were other, one that is gone and
 * one whose parameter had another name, with another permission and schedule, and without one of the actions.
 */
export const packEarlierRelease = async (): Promise<EarlierRelease> => {
  const folder = await mkdtemp(join(tmpdir(), "hasura-usage-release-"));
  await cp(hasuraDir, folder, { recursive: true });
  const change = async (path: string, replace: (text: string) => string): Promise<void> => {
    const file = join(folder, path);
    const before = await readFile(file, "utf8");
    const after = replace(before);
    if (after === before) throw new Error(`${path} has nothing to change`);
    await writeFile(file, after);
  };
  const routines = "migrations/default/1764000400000_create_routines";
  await rm(join(folder, "migrations", "default", settings), { recursive: true });
  await change(`${routines}/up.sql`, (text) =>
    text
      // A view reads it, so it cannot simply be replaced.
      .replace(/function usage\.status_of\(p_percent numeric\)[\s\S]*?\$\$;/u, (all) =>
        all.replaceAll("p_percent", "p_share").replace(">= 75", ">= 70"),
      )
      // The triggers of tables are written from it.
      .replace("case cardinality(_workspaces)\n", "case cardinality(_workspaces) -- how many\n").concat(`
create or replace function usage.obsolete() returns integer language sql as 'select 1';
`),
  );
  await change(`${routines}/down.sql`, (text) => `drop function usage.obsolete();\n${text}`);
  const tables = "metadata/databases/default/tables";
  for (const file of ["usage_current.yaml", "usage_history.yaml"])
    await change(`${tables}/${file}`, (text) => text.replaceAll("limit: 1000\n", "limit: 500\n"));
  await rm(join(folder, tables, "usage_api_calls.yaml"));
  await change("metadata/cron_triggers.yaml", (text) =>
    text.replace("schedule: 5 * * * *", "schedule: 50 * * * *"),
  );
  await change("metadata/actions.yaml", (text) =>
    text.replace(/ {2}- name: voidUsage\n[\s\S]*?(?=custom_types:)/u, ""),
  );
  await change("metadata/actions.graphql", (text) =>
    text.replace(/ {2}"""\n {2}Takes a recorded use back[\s\S]*?UsageCorrection!\n/u, ""),
  );
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};
