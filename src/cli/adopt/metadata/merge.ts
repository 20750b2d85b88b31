import { fileContentHash, sha256 } from "../content.ts";
import { refuse } from "../fault.ts";
import type { Manifest, ManifestFile, MergedEntry, MergedFile } from "../manifest.ts";
import { type FileSet, locateTracked, type Project, type TrackedList } from "../project/index.ts";
import { listFiles, type ListName } from "../release/index.ts";
import { createMergedFiles, type MergedFiles, type Placed } from "./merged-files.ts";
import { type FileUnit, hashOfItem, type ItemUnit, sdlHash, type Unit } from "./units.ts";

/** Something of ours that the project changed or deleted: it is left as it is. */
export interface Kept {
  readonly path: string;
  /** The entry in the file; undefined for a whole file. */
  readonly entry: string | undefined;
  readonly reason: "edited" | "deleted";
}

export interface MergedMetadata {
  readonly files: readonly ManifestFile[];
  readonly merged: readonly MergedFile[];
  readonly kept: readonly Kept[];
}

export interface MergeInput {
  readonly project: Project;
  readonly files: FileSet;
  readonly source: string;
  /** What the metadata is to have of ours; none takes everything out. */
  readonly units: readonly Unit[];
  readonly installed: Pick<Manifest, "files" | "merged"> | undefined;
}

interface Place {
  readonly path: string;
  readonly at: readonly string[];
}

type Tracked = Readonly<Record<"tables" | "functions", TrackedList>>;

const isTracked = (list: string): list is keyof Tracked => list === "tables" || list === "functions";

/** Where entries of a list belong in this project. */
const placesOf = (project: Project, tracked: Tracked) => {
  return (list: string): Place => {
    if (isTracked(list)) return tracked[list];
    if (list === "sdl") return { path: `${project.metadata}/actions.graphql`, at: [] };
    const { file, at } = listFiles[list as ListName];
    return { path: `${project.metadata}/${file}`, at };
  };
};

const includeOf = ({ list, name }: FileUnit, tracked: Tracked): ItemUnit => ({
  kind: "item",
  list,
  name,
  value: `!include ${tracked[list].prefix}${name}`,
});

const labelOf = (list: string, name: string): string => {
  if (list === "sdl") return name.includes(".") ? `field ${name}` : `type ${name}`;
  if (isTracked(list)) return `include of ${name}`;
  return `${list
    .replace(/^custom_types\./u, "")
    .replace(/s$/u, "")
    .replaceAll("_", " ")} ${name}`;
};

const key = ({ list, name }: { readonly list: string; readonly name: string }): string => `${list} ${name}`;

/** Brings the metadata of a project from what is installed to what is wanted; leaves alone what the project changed. */
export const mergeMetadata = async (input: MergeInput): Promise<MergedMetadata> => {
  const { project, files, source, units, installed } = input;
  const tracked: Tracked = {
    tables: await locateTracked(project, source, "tables"),
    functions: await locateTracked(project, source, "functions"),
  };
  const placeOf = placesOf(project, tracked);
  const merged = createMergedFiles(files, installed?.merged ?? []);
  const kept: Kept[] = [];

  const wantedFiles = units.filter((unit): unit is FileUnit => unit.kind === "file");
  const owned = await mergeFiles(wantedFiles);
  const wanted: readonly Placed[] = units.map((unit) => {
    const entry = unit.kind === "file" ? includeOf(unit, tracked) : unit;
    return { ...placeOf(entry.list), unit: entry };
  });
  await mergeEntries(wanted);
  if (units.length > 0) {
    for (const list of ["tables", "functions"] as const) {
      const { key: missing } = tracked[list];
      const isUsed = wantedFiles.some((unit) => unit.list === list);
      if (missing !== undefined && isUsed)
        await merged.addKey(`${project.metadata}/databases/databases.yaml`, missing.at, missing.value);
    }
  } else await merged.restore();
  return { files: owned, merged: merged.records(), kept };

  async function mergeEntries(placed: readonly Placed[]): Promise<void> {
    const before = new Map(
      (installed?.merged ?? []).flatMap(({ path, entries }) =>
        entries.filter(({ list }) => list !== "key").map((entry) => [key(entry), { path, entry }] as const),
      ),
    );
    for (const one of placed) {
      const known = before.get(key(one.unit));
      before.delete(key(one.unit));
      if (known === undefined) await merged.add(one);
      else await updateEntry(merged, one, known.entry);
    }
    for (const { path, entry } of before.values()) await dropEntry(path, entry);
  }

  async function updateEntry(into: MergedFiles, placed: Placed, entry: MergedEntry): Promise<void> {
    const { path, at, unit } = placed;
    const present = await into.find(path, at, unit.list, unit.name);
    const next = unit.kind === "sdl" ? sdlHash(unit.entry) : hashOfItem(unit.value);
    if (present === entry.sha256 || present === next) {
      if (next !== entry.sha256) await into.replace(placed);
      return;
    }
    kept.push({
      path,
      entry: labelOf(unit.list, unit.name),
      reason: present === undefined ? "deleted" : "edited",
    });
  }

  async function dropEntry(recorded: string, entry: MergedEntry): Promise<void> {
    const { list, name, sha256: was } = entry;
    const { path, at } = placeOf(list);
    const present = await merged.find(path, at, list, name);
    if (present === was) await merged.remove(path, at, list, name);
    else if (present !== undefined) kept.push({ path, entry: labelOf(list, name), reason: "edited" });
    merged.forget(recorded, list, name);
  }

  async function mergeFiles(wantedUnits: readonly FileUnit[]): Promise<readonly ManifestFile[]> {
    const before = new Map((installed?.files ?? []).map((file) => [file.path, file]));
    const result: ManifestFile[] = [];
    for (const { list, name, text } of wantedUnits) {
      const path = `${tracked[list].folder}/${name}`;
      const next = { path, sha256: sha256(text), content: fileContentHash(path, text) };
      const known = before.get(path);
      before.delete(path);
      const present = await files.read(path);
      if (known === undefined) {
        if (present !== null && present !== text)
          throw refuse("name-conflict", `${path} is there already`, "rename or remove that file");
        files.write(path, text);
        result.push(next);
        continue;
      }
      const content = present === null ? undefined : fileContentHash(path, present);
      if (content === next.content) {
        // The same in another layout stays as it is.
        result.push({ ...next, sha256: content === known.content ? known.sha256 : sha256(present ?? "") });
        continue;
      }
      if (content === known.content) {
        files.write(path, text);
        result.push(next);
        continue;
      }
      kept.push({ path, entry: undefined, reason: present === null ? "deleted" : "edited" });
      result.push(known);
    }
    for (const file of before.values()) {
      const present = await files.read(file.path);
      if (present === null) continue;
      if (fileContentHash(file.path, present) === file.content) files.write(file.path, null);
      else kept.push({ path: file.path, entry: undefined, reason: "edited" });
    }
    return result;
  }
};
