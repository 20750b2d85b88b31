import { parse } from "yaml";
import type { SessionNameSettings } from "../../../core/index.ts";
import { contentHash } from "../content.ts";
import type { SdlEntry } from "../edit/sdl.ts";
import { mapMetadata } from "../mapping.ts";
import { listFiles, listNames, type Release, type TrackedFile } from "../release/index.ts";

/** A file that is wholly ours. */
export interface FileUnit {
  readonly kind: "file";
  readonly list: "tables" | "functions";
  readonly name: string;
  readonly text: string;
}

/** An entry in a list of one of the project's files. */
export interface ItemUnit {
  readonly kind: "item";
  readonly list: string;
  readonly name: string;
  readonly value: unknown;
}

/** A declaration in `actions.graphql`. */
export interface SdlUnit {
  readonly kind: "sdl";
  readonly list: "sdl";
  readonly name: string;
  readonly entry: SdlEntry;
}

/** A piece of metadata that is added, changed and removed as a whole. */
export type Unit = FileUnit | ItemUnit | SdlUnit;

/** How an entry of a list is called: by its name, or as the file that it includes. */
export const nameOfItem = (item: unknown): string => {
  if (typeof item === "string")
    return (
      item
        .replace(/^!include\s+/u, "")
        .split("/")
        .at(-1) ?? item
    );
  const { name, role_name: role } = (item ?? {}) as { readonly name?: unknown; readonly role_name?: unknown };
  return String(name ?? role ?? "");
};

/** What is compared: an include by the file that it names. */
export const hashOfItem = (item: unknown): string =>
  contentHash(typeof item === "string" ? nameOfItem(item) : item);

export const sdlHash = ({ content }: SdlEntry): string => contentHash(content);

const at = (content: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], content);

const itemUnits = (release: Release, names: SessionNameSettings): readonly ItemUnit[] =>
  listNames.flatMap((list) => {
    const place = listFiles[list];
    const text = mapMetadata(release.metadata.files[place.file] ?? "", names);
    const items = (at(parse(text), place.at) ?? []) as readonly unknown[];
    return items.map((value) => ({ kind: "item" as const, list, name: nameOfItem(value), value }));
  });

/** Everything that a release adds to the metadata of a project with these names. */
export const releaseUnits = (
  release: Release,
  names: SessionNameSettings,
  extraTables: readonly TrackedFile[],
): readonly Unit[] => {
  const files = (list: "tables" | "functions", found: readonly TrackedFile[]): readonly FileUnit[] =>
    found.map(({ file, text }) => ({ kind: "file", list, name: file, text: mapMetadata(text, names) }));
  return [
    ...files("tables", [...extraTables, ...release.metadata.tables]),
    ...files("functions", release.metadata.functions),
    ...itemUnits(release, names),
    ...release.metadata.sdl.map((entry) => ({
      kind: "sdl" as const,
      list: "sdl" as const,
      name: entry.name,
      entry,
    })),
  ];
};
