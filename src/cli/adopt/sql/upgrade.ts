import { type AppError, type Database, type SessionNameSettings } from "../../../core/index.ts";
import { describeSchema } from "../../../postgres/index.ts";
import { describeObjects, type Description, planReplacement } from "../../../sql-sources/index.ts";
import type { ScratchServer } from "../database/index.ts";
import { refuse } from "../fault.ts";
import type { Choices } from "../options.ts";
import type { Release, Script } from "../release/index.ts";
import { hookScripts } from "./hooks.ts";
import { installMigration, joinScripts, settingsScript } from "./install.ts";
import { standInTables } from "./stand-in.ts";
import type { Tenant } from "./workspaces.ts";

export interface UpgradeInput {
  readonly server: ScratchServer;
  readonly release: Release;
  readonly choices: Choices;
  readonly tenant: Tenant | undefined;
  readonly installed: {
    /** The `up.sql` of every migration that was added so far, in order. */
    readonly ups: readonly string[];
    readonly migrations: readonly string[];
    readonly hooks: readonly string[];
    readonly names: SessionNameSettings;
  };
}

/** Nothing else is in the scratch databases. */
const describe = { foreignSchemas: [] } as const;

const rebuild = `-- triggers of the application's tables, from the new template
select usage.rebuild_meters();
`;

const failed = (what: string, error: unknown): AppError =>
  refuse(
    "invalid-release",
    `${what}: ${error instanceof Error ? error.message : String(error)}`,
    "report this fault; nothing was written",
  );

const run = async (database: Database, script: string, what: string): Promise<void> => {
  if (script.trim() === "") return;
  try {
    await database.transaction((tx) => tx.script(script));
  } catch (error) {
    throw failed(what, error);
  }
};

const describeAll = (database: Database): Promise<Description> =>
  database.transaction((tx) => describeObjects(tx, describe));

/** Schema and name of what a hook creates. */
const hookName = ({ down }: Script): string => /^drop \w+ ([^\s(;]+)/u.exec(down)?.[1] ?? "";

interface Fresh {
  readonly objects: Description;
  readonly schema: string;
}

const buildFresh = (input: UpgradeInput): Promise<Fresh> =>
  input.server.withDatabase(async (database) => {
    await run(database, standInTables(input.tenant, input.choices), "the application's tables");
    await run(database, installMigration(input).up, `a fresh installation of ${input.release.version}`);
    return { objects: await describeAll(database), schema: await describeSchema(database) };
  });

const sameNames = (left: SessionNameSettings, right: SessionNameSettings): boolean =>
  left.userClaim === right.userClaim && left.tenantClaim === right.tenantClaim;

/** What the release has that was not there when the project was last brought up to date. */
const newScripts = ({ release, choices, installed }: UpgradeInput): readonly Script[] => {
  const { members, names } = choices;
  return [
    ...release.migrations.filter(({ name }) => !installed.migrations.includes(name)),
    ...hookScripts(release.hooks, members, names.roles).filter(({ name }) => !installed.hooks.includes(name)),
    ...(sameNames(installed.names, names)
      ? []
      : [{ name: "settings", up: settingsScript(names), down: settingsScript(installed.names) }]),
  ];
};

const firstDifference = (left: string, right: string): string => {
  const known = new Set(left.split("\n\n"));
  const [part = ""] = right.split("\n\n").filter((one) => !known.has(one));
  return part.split("\n")[0] ?? "";
};

const requireEqual = (expected: string, reached: string, what: string): void => {
  if (expected === reached) return;
  const place = firstDifference(reached, expected) || firstDifference(expected, reached);
  throw refuse("invalid-release", `${what}: ${place} differs`, "report this fault; nothing was written");
};

const filled = (parts: readonly string[]): string =>
  parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => `${part}\n`)
    .join("\n");

/**
 * The one migration that brings what is installed to a release; undefined when the database needs none. It is run up and down
 * on a scratch database: up gives what a fresh installation gives, but for hooks, and down what was there.
 */
export const upgradeMigration = async (
  input: UpgradeInput,
): Promise<{ readonly up: string; readonly down: string } | undefined> => {
  const { server, release, choices, tenant, installed } = input;
  const fresh = await buildFresh(input);
  const added = newScripts(input);
  const hooks = hookScripts(release.hooks, choices.members, choices.names.roles);
  const left = new Set(hooks.map(hookName));
  const isLeft = ({ schema, name }: { readonly schema: string; readonly name: string }): boolean =>
    left.has(`${schema}.${name}`);

  return server.withDatabase(async (database) => {
    const runAll = (script: string): Promise<void> =>
      run(database, script, `the upgrade to ${release.version}`);
    await run(database, standInTables(tenant, choices), "the application's tables");
    for (const up of installed.ups) await run(database, up, "the migrations that are installed");
    const before = await describeSchema(database);
    const scripts = joinScripts(added);
    await runAll(scripts.up);
    const between = await describeAll(database);
    const plan = (target: Description) =>
      database
        .transaction((tx) => planReplacement(tx, { target, describe, isLeft }))
        .catch((error: unknown) => {
          throw failed(`the routines of ${release.version}`, error);
        });
    const there = await plan(fresh.objects);
    await runAll(there.script);
    await requireFresh(database, hooks, fresh.schema);
    const back = await plan(between);
    const up = filled([scripts.up, there.script]);
    if (up === "") return undefined;
    const isStale = there.differences.some(({ object }) =>
      release.meterRoutines.includes(`${object.schema}.${object.name}`),
    );
    const again = isStale ? rebuild : "";
    const down = filled([back.script, again, scripts.down]);
    await runAll(down);
    requireEqual(before, await describeSchema(database), "the way back from the upgrade");
    return { up: filled([up, again]), down };
  });
};

/** Carries a result out of a transaction that is taken back. */
class TakenBack extends Error {
  readonly schema: string;

  constructor(schema: string) {
    super("taken back");
    this.schema = schema;
  }
}

/** Compares with a fresh installation as if the hooks, which may be older, were the same. */
const requireFresh = async (database: Database, hooks: readonly Script[], fresh: string): Promise<void> => {
  try {
    await database.transaction(async (tx) => {
      for (const { up } of hooks) await tx.script(up);
      throw new TakenBack(await describeSchema({ transaction: (work) => work(tx) }));
    });
  } catch (error) {
    if (!(error instanceof TakenBack)) throw failed("the hooks of the release", error);
    requireEqual(fresh, error.schema, "the upgrade does not give what a fresh installation gives");
  }
};
