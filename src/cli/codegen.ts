import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate, loadContext } from "@graphql-codegen/cli";
import { silentLogger, systemClock } from "../core/index.ts";
import { createEngine, loadMetadataFolder } from "../engine/index.ts";
import { withScratchDatabase } from "./scratch-database.ts";
import { projectRoot } from "./settings.ts";

const role = "user";
const generated = join(projectRoot, "src", "client", "generated");

/** The schema that role user sees, from the migrations and the metadata alone: no running product, no network. */
const readSdl = (): Promise<string> =>
  withScratchDatabase("codegen", async (database, url) => {
    const engine = await createEngine({
      metadata: await loadMetadataFolder(join(projectRoot, "hasura", "metadata")),
      database,
      clock: systemClock,
      logger: silentLogger,
      settings: {
        stringifyNumericTypes: false,
        inferFunctionPermissions: true,
        env: { PG_DATABASE_URL: url, ACTIONS_BASE_URL: "http://127.0.0.1", ACTION_SECRET: "unused" },
      },
    });
    return engine.sdl(role);
  });

async function main(): Promise<void> {
  const sdl = await readSdl();
  await mkdir(generated, { recursive: true });
  await writeFile(join(generated, "schema.graphql"), `${sdl.trimEnd()}\n`);
  process.chdir(projectRoot);
  await generate(await loadContext(join(projectRoot, "codegen.yml")), true);
}

main()
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    console.error(`codegen: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
