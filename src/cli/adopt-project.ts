import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Kind, parse as parseSdl } from "graphql";
import { isSeq, parse, parseDocument, YAMLSeq } from "yaml";
import { AppError } from "../core/index.ts";
import { workspacesMigration, workspacesTable } from "./adopt-workspaces.ts";

export interface AdoptOptions {
  /** This project's `hasura` folder. */
  readonly from: string;
  /** The other project: the folder with `metadata`, `migrations` and `seeds`. */
  readonly to: string;
  /** Name of the source there. */
  readonly source: string;
  /** The table of the tenants; without it the project has a `public.workspaces` already. */
  readonly tenantTable?: string | undefined;
}

export interface Adopted {
  readonly migrations: readonly string[];
  readonly tables: readonly string[];
  readonly actions: readonly string[];
  readonly cronTriggers: readonly string[];
}

interface Named {
  readonly name: string;
}

const refuse = (message: string): AppError =>
  new AppError({ kind: "conflict", code: "adoption-refused", message });

const list = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
};

const readText = async (file: string, absent: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return absent;
    throw error;
  }
};

const versionOf = (name: string): bigint => BigInt(/^(\d+)/u.exec(name)?.[1] ?? "0");
const titleOf = (name: string): string => name.replace(/^\d+_/u, "");

/** What belongs to the sample application, which stays here. */
interface SampleManifest {
  readonly migrations: readonly string[];
  /** Files below `metadata`. */
  readonly metadata: readonly string[];
}

const readSample = async (from: string): Promise<SampleManifest> =>
  parse(await readFile(join(from, "sample.yaml"), "utf8")) as SampleManifest;

/** The routines and views that the product calls and the other project may replace: `usage.alert_recipients` and the like. */
const hooks: readonly (readonly [file: string, drop: string])[] = [
  ["activity.sql", "drop view analytics.activity;"],
  [
    "roll_application_activity.sql",
    "drop function analytics.roll_application_activity(uuid[], timestamptz[]);",
  ],
  ["alert_recipients.sql", "drop function usage.alert_recipients(uuid);"],
  ["member_role_without_table.sql", "drop function usage.member_role(uuid, uuid);"],
];

/** Copies what belongs to billing and usage behind the other project's last migration, in order. */
async function copyMigrations({ from, to, source, tenantTable }: AdoptOptions): Promise<readonly string[]> {
  const target = join(to, "migrations", source);
  const newest = (await list(target)).reduce(
    (most, name) => (versionOf(name) > most ? versionOf(name) : most),
    0n,
  );
  const { migrations: sample } = await readSample(from);
  const names = (await list(join(from, "migrations", "default"))).filter((name) => !sample.includes(name));
  const first = newest === 0n ? versionOf(names[0] ?? "0") : newest + 1_000n;
  const written: string[] = [];
  const folderFor = async (title: string): Promise<string> => {
    const name = `${String(first + BigInt(written.length) * 1_000n)}_${title}`;
    written.push(name);
    await mkdir(join(target, name), { recursive: true });
    return join(target, name);
  };
  if (tenantTable !== undefined) {
    const { up, down } = workspacesMigration(tenantTable);
    const folder = await folderFor("create_workspaces");
    await writeFile(join(folder, "up.sql"), up);
    await writeFile(join(folder, "down.sql"), down);
  }
  for (const name of names) {
    const folder = await folderFor(titleOf(name));
    for (const file of ["up.sql", "down.sql"]) {
      await copyFile(join(from, "migrations", "default", name, file), join(folder, file));
    }
  }
  const hooksFolder = await folderFor("create_hooks");
  const defaults = await Promise.all(
    hooks.map(([file]) => readFile(join(from, "application", file), "utf8")),
  );
  await writeFile(join(hooksFolder, "up.sql"), defaults.join("\n"));
  await writeFile(join(hooksFolder, "down.sql"), hooks.map(([, drop]) => `${drop}\n`).join(""));
  // A seed here, a migration there: without plans every metered insert is refused, the project's own seeds too.
  const seeds = join(from, "seeds", "default");
  const catalogue = (await list(seeds)).find((name) => name.endsWith("_plan_catalogue.sql"));
  if (catalogue !== undefined) {
    const folder = await folderFor("fill_plan_catalogue");
    await copyFile(join(seeds, catalogue), join(folder, "up.sql"));
    await writeFile(
      join(folder, "down.sql"),
      "-- Subscriptions may refer to the plans; the migrations before this one drop the tables.\nselect 1;\n",
    );
  }
  return written;
}

/** Adds lines to a list of includes, each once. */
async function include(file: string, names: readonly string[]): Promise<void> {
  const present = parse(await readText(file, "[]")) as readonly string[] | null;
  const lines = [...new Set([...(present ?? []), ...names.map((name) => `!include ${name}`)])];
  await writeFile(file, lines.map((line) => `- ${JSON.stringify(line)}\n`).join(""));
}

async function copyTables({ from, to, source, tenantTable }: AdoptOptions): Promise<readonly string[]> {
  const ours = join(from, "metadata", "databases", "default");
  const databases = join(to, "metadata", "databases");
  const theirs = join(databases, source);
  const sample = (await readSample(from)).metadata;
  const product = async (kind: "tables" | "functions"): Promise<readonly string[]> =>
    (await list(join(ours, kind))).filter(
      (name) => name !== `${kind}.yaml` && !sample.includes(`databases/default/${kind}/${name}`),
    );
  const tables = await product("tables");
  const present = await list(join(theirs, "tables"));
  const double = tables.find((name) => present.includes(name));
  if (double !== undefined) throw refuse(`${double} is there already: the project was adopted before`);
  const hasWorkspaces = present.includes("public_workspaces.yaml");
  if (tenantTable === undefined && !hasWorkspaces) {
    throw refuse(
      "public.workspaces is not tracked there: name the table of the tenants with --tenant schema.table",
    );
  }
  if (tenantTable !== undefined && hasWorkspaces) {
    throw refuse("public.workspaces is tracked there already: leave --tenant out");
  }
  await mkdir(join(theirs, "tables"), { recursive: true });
  await mkdir(join(theirs, "functions"), { recursive: true });
  for (const name of tables) await copyFile(join(ours, "tables", name), join(theirs, "tables", name));
  const added = [...tables];
  if (tenantTable !== undefined) {
    await writeFile(join(theirs, "tables", "public_workspaces.yaml"), workspacesTable);
    added.unshift("public_workspaces.yaml");
  }
  await include(join(theirs, "tables", "tables.yaml"), added);
  const functions = await product("functions");
  for (const name of functions)
    await copyFile(join(ours, "functions", name), join(theirs, "functions", name));
  await include(join(theirs, "functions", "functions.yaml"), functions);

  const file = join(databases, "databases.yaml");
  const document = parseDocument(await readFile(file, "utf8"));
  const sources = document.toJS() as readonly Named[];
  const index = sources.findIndex(({ name }) => name === source);
  if (index < 0) throw refuse(`${file} has no source ${source}`);
  for (const kind of ["tables", "functions"]) {
    if (document.getIn([index, kind]) === undefined) {
      const line = document.createNode(`!include ${source}/${kind}/${kind}.yaml`);
      line.type = "QUOTE_DOUBLE";
      document.setIn([index, kind], line);
    }
  }
  await writeFile(file, document.toString({ lineWidth: 0 }));
  return added;
}

/** Appends entries of a list in one of our files to the list at the same place of theirs, comments kept. */
async function appendEntries(
  ours: string,
  theirs: string,
  path: readonly string[],
): Promise<readonly string[]> {
  const source = parseDocument(await readFile(ours, "utf8"));
  const target = parseDocument(await readText(theirs, path.length === 0 ? "[]" : "{}"));
  const entries = path.length === 0 ? source.contents : source.getIn(path);
  if (!isSeq(entries)) return [];
  const present = path.length === 0 ? target.contents : target.getIn(path);
  const into = isSeq(present) ? present : new YAMLSeq();
  const known = new Set((into.toJSON() as readonly Named[]).map(({ name }) => name));
  const names = (entries.toJSON() as readonly Named[]).map(({ name }) => name);
  const double = names.find((name) => known.has(name));
  if (double !== undefined) throw refuse(`${theirs} has ${double} already`);
  into.flow = false;
  into.items.push(...entries.items);
  if (path.length === 0) target.contents = into as never;
  else target.setIn(path, into);
  await writeFile(theirs, target.toString({ lineWidth: 0 }));
  return names;
}

async function mergeSdl(ours: string, theirs: string): Promise<void> {
  const present = await readText(theirs, "");
  const added = await readFile(ours, "utf8");
  const typesOf = (text: string): readonly string[] =>
    text.trim() === ""
      ? []
      : parseSdl(text).definitions.flatMap((node) =>
          node.kind === Kind.OBJECT_TYPE_DEFINITION ? [node.name.value] : [],
        );
  const roots = ["Query", "Mutation"];
  const known = typesOf(present);
  const double = typesOf(added).find((name) => known.includes(name) && !roots.includes(name));
  if (double !== undefined) throw refuse(`${theirs} has a type ${double} already`);
  const merged = roots
    .filter((root) => known.includes(root))
    .reduce((text, root) => text.replace(`type ${root} {`, `extend type ${root} {`), added);
  await writeFile(theirs, present.trim() === "" ? merged : `${present.trimEnd()}\n\n${merged}`);
}

/** Puts billing and usage into another Hasura project's folder. Changes files only; nothing is applied anywhere. */
export async function adoptProject(options: AdoptOptions): Promise<Adopted> {
  const ours = join(options.from, "metadata");
  const theirs = join(options.to, "metadata");
  const tables = await copyTables(options);
  const migrations = await copyMigrations(options);
  const actions = await appendEntries(join(ours, "actions.yaml"), join(theirs, "actions.yaml"), ["actions"]);
  await appendEntries(join(ours, "actions.yaml"), join(theirs, "actions.yaml"), ["custom_types", "objects"]);
  await mergeSdl(join(ours, "actions.graphql"), join(theirs, "actions.graphql"));
  const cronTriggers = await appendEntries(
    join(ours, "cron_triggers.yaml"),
    join(theirs, "cron_triggers.yaml"),
    [],
  );
  return { migrations, tables, actions, cronTriggers };
}
