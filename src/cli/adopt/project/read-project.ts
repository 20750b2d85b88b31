import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type Fault, refuse } from "../fault.ts";
import { listFolder, readOptional } from "../files.ts";
import { type Json, readMetadataFile } from "./include.ts";

/** Where the tracked tables or functions of a source are listed. */
export interface TrackedList {
  /** The file with the list: one of its own, or `databases.yaml`. */
  readonly path: string;
  /** From the root of that file; the first key of `databases.yaml` is the name of the source. */
  readonly at: readonly string[];
  /** Folder that includes are relative to, which is where a file of ours goes. */
  readonly folder: string;
  /** How a file of ours is included: in front of its name. */
  readonly prefix: string;
  /** The key in `databases.yaml` that names the file, where it is not there yet. */
  readonly key: { readonly at: readonly string[]; readonly value: string } | undefined;
}

export interface ProjectSource {
  readonly name: string;
  readonly kind: string;
  readonly isCustomized: boolean;
  readonly tables: readonly Json[];
  readonly functions: readonly Json[];
}

/** A Hasura project on disk: config version 3. */
export interface Project {
  readonly root: string;
  /** Folders below the root, with slashes. */
  readonly metadata: string;
  readonly migrations: string;
  readonly sources: readonly ProjectSource[];
  readonly actions: readonly Json[];
  readonly customTypes: Readonly<Record<string, readonly Json[]>>;
  readonly sdl: string;
  readonly cronTriggers: readonly Json[];
  readonly inheritedRoles: readonly Json[];
}

const configSchema = z.looseObject({
  version: z.unknown(),
  metadata_directory: z.string().default("metadata"),
  migrations_directory: z.string().default("migrations"),
});

const clean = (folder: string): string =>
  posix.normalize(folder.replaceAll("\\", "/")).replace(/^\.\/|\/$/gu, "");

const asList = (value: unknown): readonly Json[] =>
  Array.isArray(value)
    ? value.filter((entry): entry is Json => typeof entry === "object" && entry !== null)
    : [];

const readVersion = async (root: string, metadata: string): Promise<void> => {
  const text = await readOptional(join(root, metadata, "version.yaml"));
  if (text === null)
    throw refuse(
      "invalid-project",
      `there is no ${metadata}/version.yaml in ${root}`,
      "name the folder of a Hasura project: the one with config.yaml, metadata and migrations",
    );
  const { version } = (parse(text) ?? {}) as { readonly version?: unknown };
  if (version !== 3)
    throw refuse(
      "invalid-project",
      `${metadata}/version.yaml says version ${String(version)}, not 3`,
      "bring the project to config version 3: hasura scripts update-project-v3",
    );
};

/** Reads what adopt has to know of a project. Throws the fault that makes it unreadable. */
export const readProject = async (root: string): Promise<Project> => {
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw refuse("invalid-project", `there is no folder ${root}`, "name your project's hasura folder");
  const config = configSchema.parse(parse((await readOptional(join(root, "config.yaml"))) ?? "{}") ?? {});
  const metadata = clean(config.metadata_directory);
  await readVersion(root, metadata);
  const read = (file: string) => readMetadataFile(root, `${metadata}/${file}`);
  const sources = asList(await read("databases/databases.yaml")).map((source) => ({
    name: String(source["name"]),
    kind: String(source["kind"]),
    isCustomized: Object.keys((source["customization"] as object | null) ?? {}).length > 0,
    tables: asList(source["tables"]),
    functions: asList(source["functions"]),
  }));
  const actions = ((await read("actions.yaml")) ?? {}) as Json;
  const customTypes = (actions["custom_types"] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    root,
    metadata,
    migrations: clean(config.migrations_directory),
    sources,
    actions: asList(actions["actions"]),
    customTypes: Object.fromEntries(Object.entries(customTypes).map(([kind, list]) => [kind, asList(list)])),
    sdl: (await readOptional(join(root, metadata, "actions.graphql"))) ?? "",
    cronTriggers: asList(await read("cron_triggers.yaml")),
    inheritedRoles: asList(await read("inherited_roles.yaml")),
  };
};

/** Names of the folders of a source's migrations, in the order of their versions. */
export const listMigrations = async (project: Project, source: string): Promise<readonly string[]> => {
  const names = await listFolder(join(project.root, project.migrations, source));
  const version = (name: string): bigint => BigInt(/^\d+/u.exec(name)?.[0] ?? "0");
  return names
    .filter((name) => /^\d+(?:_|$)/u.test(name))
    .sort((left, right) => (version(left) < version(right) ? -1 : version(left) > version(right) ? 1 : 0));
};

/** The version of the next migration, a second behind the last one. */
export const nextVersion = (names: readonly string[], first: string): string => {
  const last = names.at(-1);
  return last === undefined ? first : String(BigInt(/^\d+/u.exec(last)?.[0] ?? "0") + 1_000n);
};

const includeOf = (value: unknown): string | undefined =>
  typeof value === "string" ? /^!include\s+["']?(.+?)["']?\s*$/u.exec(value)?.[1] : undefined;

/** Where the list of a source's tables or functions is, or is to be. */
export const locateTracked = async (
  project: Project,
  source: string,
  kind: "tables" | "functions",
): Promise<TrackedList> => {
  const databases = `${project.metadata}/databases`;
  const path = `${databases}/databases.yaml`;
  const raw = (parse((await readOptional(join(project.root, path))) ?? "[]") ?? []) as readonly Json[];
  const value = raw.find(({ name }) => name === source)?.[kind];
  const target = includeOf(value);
  const own = target ?? `${source}/${kind}/${kind}.yaml`;
  const isInline = target === undefined && Array.isArray(value) && value.length > 0;
  if (isInline) {
    const folder = `${databases}/${source}/${kind}`;
    return { path, at: [source, kind], folder, prefix: `${source}/${kind}/`, key: undefined };
  }
  return {
    path: posix.join(databases, own),
    at: [],
    folder: posix.join(databases, posix.dirname(own)),
    prefix: "",
    key: target === undefined ? { at: [source, kind], value: `!include ${own}` } : undefined,
  };
};

/** The source that is meant, and what is wrong with it. */
export const findSource = (
  project: Project,
  name: string,
): { readonly source: ProjectSource | undefined; readonly faults: readonly Fault[] } => {
  const isPostgres = ({ kind }: ProjectSource): boolean => kind === "postgres" || kind === "pg";
  const found = project.sources.find((source) => source.name === name);
  const others = project.sources.filter(isPostgres).map((source) => source.name);
  const advice =
    others.length === 0
      ? "connect a Postgres database to the project first"
      : `choose one with --source: ${others.join(", ")}`;
  const path = `${project.metadata}/databases/databases.yaml`;
  if (found === undefined) {
    const faults = [{ code: "missing-source", message: `${path} has no source ${name}`, advice } as const];
    // The rest is checked with the only source that can be meant.
    const [only, ...more] = project.sources.filter(isPostgres);
    return { source: more.length === 0 ? only : undefined, faults };
  }
  if (!isPostgres(found)) {
    const message = `the source ${name} is of kind ${found.kind}, not postgres`;
    return { source: undefined, faults: [{ code: "missing-source", message, advice }] };
  }
  return { source: found, faults: [] };
};
