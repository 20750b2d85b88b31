import { join, posix } from "node:path";
import { parse } from "yaml";
import { refuse } from "../fault.ts";
import { readOptional } from "../files.ts";

export type Json = Readonly<Record<string, unknown>>;

const includePattern = /^!include\s+["']?(.+?)["']?\s*$/u;
const maxDepth = 10;

const expand = async (root: string, value: unknown, path: string, depth: number): Promise<unknown> => {
  if (typeof value === "string") {
    const target = includePattern.exec(value)?.[1];
    return target === undefined
      ? value
      : readFileAt(root, posix.join(posix.dirname(path), target), depth + 1);
  }
  if (Array.isArray(value)) return Promise.all(value.map((entry) => expand(root, entry, path, depth)));
  if (typeof value !== "object" || value === null) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, inner]) => [key, await expand(root, inner, path, depth)] as const),
  );
  return Object.fromEntries(entries);
};

const readFileAt = async (root: string, path: string, depth: number): Promise<unknown> => {
  const text = depth > maxDepth ? null : await readOptional(join(root, ...path.split("/")));
  if (text === null)
    throw refuse("invalid-project", `${path} is included but not there`, "mend the metadata folder first");
  try {
    return await expand(root, parse(text), path, depth);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "YAMLParseError") throw error;
    const [line] = error.message.split("\n");
    throw refuse(
      "invalid-project",
      `${path}: ${line ?? "is not valid YAML"}`,
      "mend the metadata folder first",
    );
  }
};

/** The content of a metadata file with its includes; undefined when there is no such file. */
export const readMetadataFile = async (root: string, path: string): Promise<unknown> => {
  const text = await readOptional(join(root, ...path.split("/")));
  return text === null ? undefined : readFileAt(root, path, 0);
};
