import type { z } from "zod";
import { MetadataError, printPath } from "./errors.ts";
import { normaliseMetadata } from "./normalise.ts";
import { metadataShape } from "./shape.ts";
import type { Json, Metadata } from "./types.ts";

type Path = readonly (string | number)[];

/** Where a part of the document came from: the longest prefix of a path wins. */
export interface Provenance {
  readonly path: Path;
  readonly file: string;
}

type Issue = z.core.$ZodIssue;

const stringPath = (path: readonly PropertyKey[]): Path =>
  path.map((part) => (typeof part === "number" ? part : String(part)));

/** Of a union's failures, the branch that got furthest is the one the author meant. */
const innermost = (issue: Issue, prefix: Path): { readonly issue: Issue; readonly path: Path } => {
  const path = [...prefix, ...stringPath(issue.path)];
  if (issue.code !== "invalid_union") {
    return { issue, path };
  }
  const branches = issue.errors
    .flatMap((branch) => branch.slice(0, 1))
    .map((first) => innermost(first, path))
    .filter(
      (found) =>
        found.path.length > path.length ||
        found.issue.code === "unrecognized_keys" ||
        found.issue.code === "custom",
    );
  branches.sort((a, b) => b.path.length - a.path.length);
  return branches[0] ?? { issue, path };
};

const toError = (issue: Issue, provenance: readonly Provenance[]): MetadataError => {
  const found = innermost(issue, []);
  const unknownKey = found.issue.code === "unrecognized_keys" ? found.issue.keys[0] : undefined;
  const origin = provenance
    .filter((entry) => entry.path.every((part, index) => found.path[index] === part))
    .sort((a, b) => b.path.length - a.path.length)[0];
  const path = found.path.slice(origin?.path.length ?? 0);
  const last = found.path.at(-1);
  return new MetadataError({
    file: origin?.file ?? null,
    path: printPath(unknownKey === undefined ? path : [...path, unknownKey]),
    key: unknownKey ?? (last === undefined ? "" : String(last)),
    reason:
      unknownKey === undefined ? found.issue.message : "unknown key, this engine would not carry it out",
  });
};

const unwrap = (document: unknown): unknown => {
  if (typeof document === "object" && document !== null && "metadata" in document) {
    return document.metadata;
  }
  return document;
};

export const parseWithProvenance = (document: unknown, provenance: readonly Provenance[]): Metadata => {
  const result = metadataShape.safeParse(document);
  if (result.success) {
    return normaliseMetadata(result.data, document as Json);
  }
  const issue = result.error.issues[0];
  if (issue === undefined) {
    throw new MetadataError({ file: null, path: "", key: "", reason: "invalid metadata" });
  }
  throw toError(issue, provenance);
};

/** Metadata in replace_metadata's form, also inside export_metadata's `{resource_version, metadata}`. */
export const parseMetadata = (document: unknown): Metadata => parseWithProvenance(unwrap(document), []);
