import { readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { parse } from "yaml";
import type { TableName } from "../options.ts";
import type { FileSet } from "../project/index.ts";

/** A table of the product that a metadata file of the project still names. */
export interface TableReference extends TableName {
  readonly path: string;
}

const tablesIn = (value: unknown, found: (table: TableName) => void): void => {
  if (Array.isArray(value)) for (const entry of value) tablesIn(entry, found);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const { schema, name } = value as { readonly schema?: unknown; readonly name?: unknown };
  if (typeof schema === "string" && typeof name === "string") found({ schema, name });
  for (const inner of Object.values(value)) tablesIn(inner, found);
};

/** Tables that files of the metadata folder name, of those that `isGone`; `except` are files that do not count. */
export const findReferences = async (
  files: FileSet,
  metadata: string,
  isGone: (table: TableName) => boolean,
  except: ReadonlySet<string>,
): Promise<readonly TableReference[]> => {
  const names = await readdir(join(files.root, metadata), { recursive: true });
  const paths = names.map((name) => `${metadata}/${name.split(sep).join("/")}`).sort();
  const references = new Map<string, TableReference>();
  for (const path of paths) {
    const text = path.endsWith(".yaml") && !except.has(path) ? await files.read(path) : null;
    if (text === null) continue;
    tablesIn(parse(text), (table) => {
      if (isGone(table)) references.set(`${path} ${table.schema}.${table.name}`, { path, ...table });
    });
  }
  return [...references.values()];
};
