import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, loadContext } from "@graphql-codegen/cli";
import { silentLogger, systemClock } from "../core/index.ts";
import { createEngine, loadMetadataFolder } from "../engine/index.ts";
import { createDatabase, migrate, startEmbeddedPostgres } from "../postgres/index.ts";
import { projectRoot } from "./settings.ts";

const role = "user";
const generated = join(projectRoot, "src", "client", "generated");

/** The schema that role user sees, from the migrations and the metadata alone: no running product, no network. */
async function readSdl(dataDir: string): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
  try {
    const database = createDatabase({
      connectionString: postgres.url,
      maxConnections: 2,
      applicationName: "hasura-usage-codegen",
    });
    try {
      await migrate({ database, migrationsDir: join(projectRoot, "hasura", "migrations", "default") });
      const engine = await createEngine({
        metadata: await loadMetadataFolder(join(projectRoot, "hasura", "metadata")),
        database,
        clock: systemClock,
        logger: silentLogger,
        settings: {
          stringifyNumericTypes: false,
          inferFunctionPermissions: true,
          env: {
            PG_DATABASE_URL: postgres.url,
            ACTIONS_BASE_URL: "http://127.0.0.1",
            ACTION_SECRET: "unused",
          },
        },
      });
      return engine.sdl(role);
    } finally {
      await database.close();
    }
  } finally {
    await postgres.stop();
  }
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-codegen-"));
  try {
    const sdl = await readSdl(dataDir);
    await mkdir(generated, { recursive: true });
    await writeFile(join(generated, "schema.graphql"), `${sdl.trimEnd()}\n`);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  process.chdir(projectRoot);
  await generate(await loadContext(join(projectRoot, "codegen.yml")), true);
}

main()
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    console.error(`codegen: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
