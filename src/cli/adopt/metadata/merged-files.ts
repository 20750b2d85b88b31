import { parse } from "yaml";
import {
  insertItems,
  insertKey,
  isHollowText,
  type Placeholder,
  readItems,
  removeItem,
  removeKey,
  replaceItem,
  restorePlaceholder,
  type YamlPath,
} from "../edit/yaml.ts";
import { insertSdl, readSdl, removeSdl, replaceSdl } from "../edit/sdl.ts";
import { AdoptionRefused, refuse } from "../fault.ts";
import type { MergedEntry, MergedFile } from "../manifest.ts";
import type { FileSet } from "../project/index.ts";
import { hashOfItem, type ItemUnit, nameOfItem, sdlHash, type SdlUnit } from "./units.ts";

/** An entry and the place in the project's files where it belongs. */
export interface Placed {
  readonly path: string;
  /** From the root of the file; in `databases.yaml` the first key is the name of a source. */
  readonly at: readonly string[];
  readonly unit: ItemUnit | SdlUnit;
}

/** Files of the project with entries of ours; knows what each was before. */
export interface MergedFiles {
  /** Hash of the entry as it is; undefined when it is not there. */
  find(path: string, at: readonly string[], list: string, name: string): Promise<string | undefined>;
  add(placed: Placed): Promise<void>;
  /** Sets a key of a source to the file that lists its tables or functions. */
  addKey(path: string, at: readonly string[], value: string): Promise<void>;
  replace(placed: Placed): Promise<void>;
  /** Takes the entry out of the file; `forget` alone leaves it there as the project's own. */
  remove(path: string, at: readonly string[], list: string, name: string): Promise<void>;
  forget(path: string, list: string, name: string): void;
  /** Puts back what was empty or absent before, where nothing is left. */
  restore(): Promise<void>;
  /** For the manifest. */
  records(): readonly MergedFile[];
}

interface FileRecord {
  readonly path: string;
  before: string | null | undefined;
  placeholders: Placeholder[];
  entries: MergedEntry[];
}

const isSdl = (path: string): boolean => path.endsWith(".graphql");

const isHollow = (path: string, text: string): boolean =>
  isSdl(path) ? readSdl(text).length === 0 : isHollowText(text);

/** Indexes instead of the names of sources. */
const resolveAt = (path: string, text: string, at: YamlPath): YamlPath => {
  const [first, ...rest] = at;
  if (!path.endsWith("/databases.yaml") || typeof first !== "string") return at;
  const sources = (parse(text) ?? []) as readonly { readonly name?: unknown }[];
  const index = sources.findIndex(({ name }) => name === first);
  if (index < 0) throw refuse("missing-source", `${path} has no source ${first}`, "choose one with --source");
  return [index, ...rest];
};

const comments = (text: string): readonly string[] =>
  text.split("\n").flatMap((line) => (line.includes("#") ? [line.slice(line.indexOf("#")).trim()] : []));

/** Names the file in a fault that an edit throws. */
const inFile = <T>(path: string, edit: () => T): T => {
  try {
    return edit();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AdoptionRefused) throw error;
    throw refuse("invalid-project", `${path}: ${error.message}`, "mend this file, then run again");
  }
};

export const createMergedFiles = (files: FileSet, installed: readonly MergedFile[]): MergedFiles => {
  const records = new Map<string, FileRecord>(
    installed.map((file) => [
      file.path,
      {
        path: file.path,
        before: file.before,
        placeholders: [...file.placeholders],
        entries: [...file.entries],
      },
    ]),
  );

  const open = async (path: string): Promise<{ readonly text: string; readonly record: FileRecord }> => {
    const found = await files.read(path);
    const text = found ?? "";
    let record = records.get(path);
    if (record === undefined) {
      const before = found === null ? null : inFile(path, () => isHollow(path, text)) ? text : undefined;
      record = { path, before, placeholders: [], entries: [] };
      records.set(path, record);
    }
    return { text, record };
  };

  const note = (record: FileRecord, list: string, name: string, sha256: string): void => {
    record.entries = [
      ...record.entries.filter((entry) => entry.list !== list || entry.name !== name),
      { list, name, sha256 },
    ];
  };

  const indexOf = (text: string, at: YamlPath, name: string): number =>
    readItems(text, at).findIndex((item) => nameOfItem(item) === name);

  return {
    find: async (path, at, list, name) => {
      const text = await files.read(path);
      if (text === null) return undefined;
      return inFile(path, () => {
        if (list === "sdl") {
          const entry = readSdl(text).find((one) => one.name === name);
          return entry === undefined ? undefined : sdlHash(entry);
        }
        const items = readItems(text, resolveAt(path, text, at));
        const item = items.find((one) => nameOfItem(one) === name);
        return item === undefined ? undefined : hashOfItem(item);
      });
    },

    add: async ({ path, at, unit }) => {
      const { text, record } = await open(path);
      inFile(path, () => {
        if (unit.kind === "sdl") {
          files.write(path, insertSdl(text, unit.entry));
          note(record, unit.list, unit.name, sdlHash(unit.entry));
          return;
        }
        const edited = insertItems(text, resolveAt(path, text, at), [unit.value]);
        files.write(path, edited.text);
        if (edited.placeholder !== undefined) {
          const [first, ...rest] = edited.placeholder.at;
          const [source] = at;
          const named =
            typeof first === "number" && source !== undefined ? [source, ...rest] : edited.placeholder.at;
          record.placeholders.push({ at: named, was: edited.placeholder.was });
        }
        note(record, unit.list, unit.name, hashOfItem(unit.value));
      });
    },

    addKey: async (path, at, value) => {
      const { text, record } = await open(path);
      inFile(path, () => {
        const edited = insertKey(text, resolveAt(path, text, at), value);
        files.write(path, edited.text);
        record.placeholders.push({ at: [...at], was: edited.placeholder?.was ?? null });
        note(record, "key", at.join("."), hashOfItem(value));
      });
    },

    replace: async ({ path, at, unit }) => {
      const { text, record } = await open(path);
      inFile(path, () => {
        if (unit.kind === "sdl") {
          files.write(path, replaceSdl(text, unit.entry));
          note(record, unit.list, unit.name, sdlHash(unit.entry));
          return;
        }
        const place = resolveAt(path, text, at);
        files.write(path, replaceItem(text, place, indexOf(text, place, unit.name), unit.value));
        note(record, unit.list, unit.name, hashOfItem(unit.value));
      });
    },

    remove: async (path, at, list, name) => {
      const { text, record } = await open(path);
      record.entries = record.entries.filter((entry) => entry.list !== list || entry.name !== name);
      inFile(path, () => {
        if (list === "sdl") {
          files.write(path, removeSdl(text, name));
          return;
        }
        const place = resolveAt(path, text, at);
        const index = indexOf(text, place, name);
        if (index >= 0) files.write(path, removeItem(text, place, index));
      });
    },

    forget: (path, list, name) => {
      const record = records.get(path);
      if (record === undefined) return;
      record.entries = record.entries.filter((entry) => entry.list !== list || entry.name !== name);
    },

    restore: async () => {
      // Files that are listed in databases.yaml come first: its keys go only with them.
      const ordered = [...records.values()].sort(
        (left, right) =>
          Number(left.path.endsWith("/databases.yaml")) - Number(right.path.endsWith("/databases.yaml")),
      );
      for (const record of ordered) await restoreFile(record);
    },

    records: () =>
      [...records.values()]
        .filter(({ entries }) => entries.length > 0)
        .sort((left, right) => (left.path < right.path ? -1 : 1))
        .map(({ path, before, placeholders, entries }) => ({
          path,
          ...(before === undefined ? {} : { before }),
          placeholders: placeholders.map(({ at, was }) => ({ at: [...at], was })),
          entries,
        })),
  };

  async function restoreFile(record: FileRecord): Promise<void> {
    const { path } = record;
    const present = await files.read(path);
    if (present === null) return;
    let text = present;
    for (const placeholder of [...record.placeholders].reverse()) {
      const at = inFile(path, () => resolveAt(path, text, placeholder.at));
      const key = record.entries.find(
        ({ list, name }) => list === "key" && name === placeholder.at.join("."),
      );
      if (key === undefined) text = restorePlaceholder(text, { at, was: placeholder.was });
      else if (await isListGone(path, text, at)) {
        text = removeKey(text, { at, was: placeholder.was });
        record.entries = record.entries.filter((entry) => entry !== key);
      }
    }
    files.write(path, text);
    const { before } = record;
    if (before === undefined || !isHollow(path, text)) return;
    const kept = comments(before ?? "");
    if (comments(text).every((comment) => kept.includes(comment))) files.write(path, before);
  }

  /** Whether the file that a key names went with its last entry. */
  async function isListGone(path: string, text: string, at: YamlPath): Promise<boolean> {
    const [index, key] = at;
    const sources = parse(text) as readonly Readonly<Record<string, unknown>>[];
    const value = typeof index === "number" ? sources[index]?.[String(key)] : undefined;
    if (typeof value !== "string") return false;
    const folder = path.slice(0, path.lastIndexOf("/"));
    return (await files.read(`${folder}/${value.replace(/^!include\s+/u, "")}`)) === null;
  }
};
