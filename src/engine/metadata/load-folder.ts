import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { joinActions } from "./actions-sdl.ts";
import { MetadataError } from "./errors.ts";
import { parseWithProvenance, type Provenance } from "./parse-metadata.ts";
import type { Metadata } from "./types.ts";

type Path = readonly (string | number)[];

/** Files of the folder's root and the key of the document each one fills. */
const rootFiles: Readonly<Record<string, string>> = {
  "allow_list.yaml": "allowlist",
  "api_limits.yaml": "api_limits",
  "backend_configs.yaml": "backend_configs",
  "cron_triggers.yaml": "cron_triggers",
  "graphql_schema_introspection.yaml": "graphql_schema_introspection",
  "inherited_roles.yaml": "inherited_roles",
  "metrics_config.yaml": "metrics_config",
  "network.yaml": "network",
  "opentelemetry.yaml": "opentelemetry",
  "query_collections.yaml": "query_collections",
  "remote_schemas.yaml": "remote_schemas",
  "rest_endpoints.yaml": "rest_endpoints",
};
const otherFiles: ReadonlySet<string> = new Set(["version.yaml", "actions.yaml"]);
const includePattern = /^!include\s+(.+)$/u;

interface Reader {
  readonly read: (file: string, at: Path) => Promise<unknown>;
  readonly provenance: readonly Provenance[];
}

const createReader = (root: string): Reader => {
  const provenance: Provenance[] = [];

  const expand = async (value: unknown, file: string, at: Path): Promise<unknown> => {
    if (typeof value === "string") {
      const target = includePattern.exec(value)?.[1];
      return target === undefined
        ? value
        : read(path.join(path.dirname(file), target.trim().replace(/^(["'])(.*)\1$/u, "$2")), at);
    }
    if (Array.isArray(value)) {
      return Promise.all(value.map((entry, index) => expand(entry, file, [...at, index])));
    }
    if (typeof value === "object" && value !== null) {
      const entries = await Promise.all(
        Object.entries(value).map(
          async ([key, entry]) => [key, await expand(entry, file, [...at, key])] as const,
        ),
      );
      return Object.fromEntries(entries);
    }
    return value;
  };

  const read = async (file: string, at: Path): Promise<unknown> => {
    const display = file.split(path.sep).join("/");
    const outside = path.relative(root, path.resolve(root, file)).startsWith("..");
    if (outside) {
      throw new MetadataError({
        file: display,
        path: "",
        key: display,
        reason: "lies outside the metadata folder",
      });
    }
    if (provenance.some((entry) => entry.file === display && at.length > entry.path.length)) {
      throw new MetadataError({ file: display, path: "", key: display, reason: "is included twice" });
    }
    provenance.push({ path: at, file: display });
    let content: string;
    try {
      content = await readFile(path.join(root, file), "utf8");
    } catch {
      throw new MetadataError({ file: display, path: "", key: display, reason: "file not found" });
    }
    let parsed: unknown;
    try {
      parsed = parse(content);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "not valid YAML";
      throw new MetadataError({ file: display, path: "", key: display, reason });
    }
    return expand(parsed, file, at);
  };

  return { read, provenance };
};

const fileNames = async (root: string): Promise<readonly string[]> => {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  } catch {
    throw new MetadataError({ file: null, path: "", key: root, reason: "metadata folder not found" });
  }
};

export interface MetadataFolderOptions {
  /** Files of the root that somebody else reads and carries out, such as a gateway in front. */
  readonly carriedOutElsewhere?: readonly "api_limits.yaml"[];
}

/** Reads a metadata folder of the Hasura CLI, config version 3. */
export const loadMetadataFolder = async (
  folder: string,
  { carriedOutElsewhere = [] }: MetadataFolderOptions = {},
): Promise<Metadata> => {
  const root = path.resolve(folder);
  const names = await fileNames(root);
  const reader = createReader(root);
  const document: Record<string, unknown> = {};

  const version = (await reader.read("version.yaml", ["version"])) as { version?: unknown } | null;
  document["version"] = version?.version;
  document["sources"] = (await reader.read(path.join("databases", "databases.yaml"), ["sources"])) ?? [];

  const elsewhere = new Set<string>(carriedOutElsewhere);
  for (const name of [...names].sort()) {
    if (elsewhere.has(name)) continue;
    const key = rootFiles[name];
    if (key !== undefined) {
      const content = await reader.read(name, [key]);
      if (content !== null && content !== undefined) {
        document[key] = content;
      }
    } else if (/\.(?:yaml|yml|json)$/u.test(name) && !otherFiles.has(name)) {
      throw new MetadataError({ file: name, path: "", key: name, reason: "unknown metadata file" });
    }
  }

  if (names.includes("actions.yaml") || names.includes("actions.graphql")) {
    const yaml = names.includes("actions.yaml") ? await reader.read("actions.yaml", []) : {};
    const sdl = names.includes("actions.graphql")
      ? await readFile(path.join(root, "actions.graphql"), "utf8")
      : "";
    Object.assign(document, joinActions(yaml, sdl));
  }
  return parseWithProvenance(document, reader.provenance);
};
