import { fileContentHash, sha256 } from "./content.ts";
import type { ManifestFile } from "./manifest.ts";

/** The files of a migration's folder. */
export const migrationFiles = (
  folder: string,
  { up, down }: { readonly up: string; readonly down: string },
): readonly { readonly path: string; readonly text: string }[] => [
  { path: `${folder}/up.sql`, text: up },
  { path: `${folder}/down.sql`, text: down },
];

/** The name of a release as part of a folder's name. */
export const releaseSlug = (version: string): string => version.replace(/[^a-z0-9]+/giu, "_");

/** What the manifest says of a file that is wholly ours. */
export const ownedFile = (path: string, text: string): ManifestFile => ({
  path,
  sha256: sha256(text),
  content: fileContentHash(path, text),
});
