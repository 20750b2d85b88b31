import { parse } from "yaml";
import { readSdl } from "../edit/sdl.ts";
import type { Fault } from "../fault.ts";
import type { Json, Project, ProjectSource } from "../project/index.ts";
import type { Unit } from "./units.ts";

/** A name and what has it, as `table public.orders`. */
type Names = ReadonlyMap<string, string>;

interface NameSpaces {
  readonly roots: Names;
  readonly types: Names;
  readonly crons: Names;
  readonly events: Names;
}

const ourSchemas: ReadonlySet<string> = new Set(["billing", "usage", "analytics"]);

const asJson = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const asList = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(asJson) : []);

/** Schema and name; Hasura takes a plain name for one in `public`. */
const qualified = (value: unknown): readonly [string, string] => {
  if (typeof value === "string") return ["public", value];
  const { schema, name } = asJson(value);
  return [String(schema ?? "public"), String(name)];
};

const graphqlName = (entry: Json, value: unknown, customKey: string): string => {
  const [schema, name] = qualified(value);
  const custom = asJson(entry["configuration"])[customKey];
  if (typeof custom === "string" && custom !== "") return custom;
  return schema === "public" ? name : `${schema}_${name}`;
};

const trackedNames = (tables: readonly Json[], functions: readonly Json[], at: string) => ({
  tables: new Map(
    tables.map((entry) => [
      graphqlName(entry, entry["table"], "custom_name"),
      `table ${qualified(entry["table"]).join(".")}${at}`,
    ]),
  ),
  functions: new Map(
    functions.map((entry) => [
      graphqlName(entry, entry["function"], "custom_name"),
      `function ${qualified(entry["function"]).join(".")}${at}`,
    ]),
  ),
  events: new Map(
    tables.flatMap((entry) =>
      asList(entry["event_triggers"]).map(
        ({ name }) =>
          [String(name), `event trigger ${String(name)} of ${qualified(entry["table"]).join(".")}`] as const,
      ),
    ),
  ),
});

const named = (entries: readonly Json[], what: string): Names =>
  new Map(entries.map(({ name }) => [String(name), `${what} ${String(name)}`]));

const typeKinds: Readonly<Record<string, string>> = {
  enums: "enum",
  input_objects: "input type",
  objects: "object type",
  scalars: "scalar",
};

const joined = (...maps: readonly Names[]): Names => new Map(maps.flatMap((map) => [...map]));

const namesOfProject = (project: Project): NameSpaces => {
  // Names of a customized source have a prefix or a case of their own.
  const sources = project.sources
    .filter(({ isCustomized }) => !isCustomized)
    .map(({ name, tables, functions }) =>
      trackedNames(tables, functions, project.sources.length > 1 ? ` of source ${name}` : ""),
    );
  const sdlTypes = readSdl(project.sdl).filter(({ name }) => !name.includes("."));
  const actions = named(project.actions, "action");
  const types = joined(
    new Map(sdlTypes.map(({ name }) => [name, `type ${name} of actions.graphql`])),
    ...Object.entries(project.customTypes).map(([kind, list]) => named(list, typeKinds[kind] ?? "type")),
    ...sources.map(({ tables }) => tables),
  );
  const sdlFields = readSdl(project.sdl).filter(({ name }) => name.includes("."));
  return {
    roots: joined(
      new Map(sdlFields.map(({ name }) => [name.split(".")[1] ?? "", `field ${name} of actions.graphql`])),
      ...sources.flatMap(({ tables, functions }) => [tables, functions]),
      actions,
    ),
    types,
    crons: named(project.cronTriggers, "cron trigger"),
    events: joined(...project.sources.map(({ tables }) => trackedNames(tables, [], "").events)),
  };
};

const namesOfUnits = (units: readonly Unit[]): NameSpaces => {
  const files = (list: string): readonly Json[] =>
    units.flatMap((unit) => (unit.kind === "file" && unit.list === list ? [asJson(parse(unit.text))] : []));
  const items = (list: string): readonly Json[] =>
    units.flatMap((unit) =>
      unit.kind === "item" && unit.list.startsWith(list) ? [{ name: unit.name }] : [],
    );
  const { tables, functions, events } = trackedNames(files("tables"), files("functions"), "");
  return {
    roots: joined(tables, functions, named(items("actions"), "action")),
    types: joined(tables, named(items("custom_types."), "type")),
    crons: named(items("cron_triggers"), "cron trigger"),
    events,
  };
};

const advice = "rename yours, or remove it: hasura-usage needs this name";

/** Names of the project that units to be added have, too. */
export const checkNames = (project: Project, added: readonly Unit[]): readonly Fault[] => {
  const theirs = namesOfProject(project);
  const ours = namesOfUnits(added);
  const found = new Map<string, Fault>();
  for (const space of ["roots", "types", "crons", "events"] as const) {
    for (const [name, what] of ours[space]) {
      const taken = theirs[space].get(name);
      if (taken !== undefined)
        found.set(taken, {
          code: "name-conflict",
          message: `${taken} has the name of the ${what} of hasura-usage`,
          advice,
        });
    }
  }
  return [...found.values()];
};

/** Tables and functions of the project in a schema of ours. */
export const checkTrackedSchemas = ({ tables, functions }: ProjectSource): readonly Fault[] => {
  const found = [...tables.map((entry) => entry["table"]), ...functions.map((entry) => entry["function"])]
    .map(qualified)
    .filter(([schema]) => ourSchemas.has(schema));
  return found.map((name) => ({
    code: "schema-conflict",
    message: `${name.join(".")} is tracked in the metadata, in a schema that hasura-usage makes`,
    advice: "move it to another schema: billing, usage and analytics are taken",
  }));
};

const rolesIn = (value: unknown, found: Set<string>): void => {
  if (Array.isArray(value)) for (const entry of value) rolesIn(entry, found);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key.endsWith("permissions") && Array.isArray(inner))
        for (const entry of inner) {
          const role = asJson(entry)["role"];
          if (typeof role === "string") found.add(role);
        }
      rolesIn(inner, found);
    }
  }
};

/** Every role that the project's metadata names. */
export const rolesOfProject = (project: Project): ReadonlySet<string> => {
  const found = new Set<string>();
  for (const { tables, functions } of project.sources) rolesIn([tables, functions], found);
  rolesIn(project.actions, found);
  for (const { role_name: role } of project.inheritedRoles) if (typeof role === "string") found.add(role);
  return found;
};
