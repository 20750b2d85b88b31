import { join } from "node:path";
import { readOptional } from "../files.ts";

/** A file as it is to be; null when it is to go. */
export interface FileChange {
  /** Below the project's folder, with slashes. */
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** A project's files with changes on top that are not written yet. */
export interface FileSet {
  readonly root: string;
  read(path: string): Promise<string | null>;
  write(path: string, text: string | null): void;
  /** What differs from the disk, in the order of paths. */
  changes(): Promise<readonly FileChange[]>;
}

export const createFileSet = (root: string): FileSet => {
  const pending = new Map<string, string | null>();
  const onDisk = (path: string): Promise<string | null> => readOptional(join(root, ...path.split("/")));
  return {
    root,
    read: async (path) => {
      const written = pending.get(path);
      return written === undefined ? onDisk(path) : written;
    },
    write: (path, text) => void pending.set(path, text),
    changes: async () => {
      const found: FileChange[] = [];
      for (const path of [...pending.keys()].sort()) {
        const before = await onDisk(path);
        const after = pending.get(path) ?? null;
        if (before !== after) found.push({ path, before, after });
      }
      return found;
    },
  };
};
