/** `npm run adopt -- <folder of a Hasura project> [--tenant schema.table] [--source default]` */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { adoptProject } from "./adopt-project.ts";
import { projectRoot } from "./settings.ts";

const usage =
  "usage: npm run adopt -- <folder with metadata and migrations> [--tenant schema.table] [--source default]";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tenant: { type: "string" }, source: { type: "string", default: "default" } },
  });
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new TypeError(usage);
  const adopted = await adoptProject({
    from: join(projectRoot, "hasura"),
    to: resolve(folder),
    source: values.source,
    tenantTable: values.tenant,
  });
  console.log(
    `migrations ${String(adopted.migrations.length)} added, the first is ${adopted.migrations[0] ?? ""}`,
  );
  console.log(`tables     ${String(adopted.tables.length)} tracked`);
  console.log(`actions    ${adopted.actions.join(", ")}`);
  console.log(`cron       ${adopted.cronTriggers.join(", ")}`);
  console.log(
    "Next: attach meters to your tables in a migration of your own, then hasura deploy --with-seeds.",
  );
}

main().catch((error: unknown) => {
  console.error(`adopt: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
