import { join } from "node:path";

import { createActionsApp } from "../../actions/app.ts";
import { idleDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { createGate } from "../../src/domain/gate/index.ts";
import { readCatalog } from "../../src/engine/catalog/index.ts";
import { loadMetadataFolder, type Metadata } from "../../src/engine/metadata/index.ts";
import { namingOf } from "../../src/engine/schema/index.ts";
import { silentLogger, startTestEngine, type TestEngine } from "../../src/testing/index.ts";
import { renderMatrix } from "./matrix.ts";
import { describeOperation } from "./operation-file.ts";
import { operations } from "./operations.ts";
import { rolesOf } from "./roles.ts";
import { sliceSchema } from "./schema.ts";
import { renderSurface } from "./surface.ts";

export const goldenDir = join("tests", "fixtures", "golden");
const secret = "golden";

/**
 * The client role with the most kinds of types: it lacks only the inputs that increment numbers or change jsonb, and the
 * answer of corrections. The tables show each kind that it has: two that point at each other and take rows, one whose
 * Booleans can be aggregated, and one that a function returns.
 */
const shownRole = "workspace_admin";
const shownTables = ["channels", "messages", "usage_alert_rules", "usage_decisions"];

const start = (metadata: Metadata, database: string | undefined): Promise<TestEngine> =>
  startTestEngine({
    metadata,
    migrations: join("hasura", "migrations"),
    seeds: join("hasura", "seeds"),
    webhooks: ({ database: db, clock }) =>
      createActionsApp({
        database: db,
        delivery: idleDelivery,
        gate: createGate({ database: db, clock }),
        clock,
        logger: silentLogger,
        registry,
        secret,
      }),
    env: { ACTIONS_BASE_URL: "http://actions.test", ACTION_SECRET: secret },
    ...(database === undefined ? {} : { database }),
  });

const surfaceFile = (test: TestEngine, metadata: Metadata): string => {
  const naming = namingOf(metadata);
  const roles = [...rolesOf(metadata), "admin"];
  const { objects, inputObjects, enums, scalars } = metadata.customTypes;
  return renderSurface({
    schemas: new Map(roles.map((role) => [role, test.engine.schemaFor(role)])),
    types: [
      ...[...objects, ...inputObjects, ...enums, ...scalars].map(({ name }) => name),
      ...metadata.sources.flatMap(({ functions }) => functions.map((fn) => naming.functionArguments(fn))),
    ],
  });
};

const schemaFile = (test: TestEngine, metadata: Metadata): string => {
  const naming = namingOf(metadata);
  const tables = metadata.sources.flatMap((source) => source.tables);
  const slice = sliceSchema({
    sdl: test.sdl(shownRole),
    tables: tables.map((meta) => naming.type(naming.table(meta))),
    kept: shownTables,
  });
  return `# The schema of ${shownRole} as if only these tables were tracked: ${shownTables.join(", ")}.
# Written by npm run golden. Types of the other tables are made alike; permissions.txt has their columns and
# relationships, surface.txt their root fields.

${slice}`;
};

/** Every golden file's path under `goldenDir`, and what must stand in it. `database` is a server to use. */
export const collectGolden = async (database?: string): Promise<ReadonlyMap<string, string>> => {
  const metadata = await loadMetadataFolder(join("hasura", "metadata"));
  const test = await start(metadata, database);
  try {
    const files = new Map([
      ["permissions.txt", renderMatrix(metadata, await readCatalog(test.database))],
      ["surface.txt", surfaceFile(test, metadata)],
      ["schema.graphql", schemaFile(test, metadata)],
    ]);
    for (const operation of operations) {
      files.set(`operations/${operation.name}.md`, await describeOperation(test, operation));
      if (/^\s*mutation/.test(operation.document)) await test.reset();
    }
    return files;
  } finally {
    await test.stop();
  }
};
