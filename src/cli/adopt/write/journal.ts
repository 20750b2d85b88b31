import { chmod, copyFile, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { sha256 } from "../content.ts";
import { type Fault, refuse } from "../fault.ts";
import { readOptional } from "../files.ts";
import type { FileChange } from "../project/index.ts";

/** Holds the files before and after while a run writes; gone when it is through. */
export const journalFolder = ".hasura-usage-journal";

const journalSchema = z.object({
  pid: z.number(),
  changes: z.array(
    z.object({
      path: z.string(),
      /** Digests; null where there is no file. */
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
  /** Folders that were not there, the deepest last. */
  folders: z.array(z.string()),
});

type Journal = z.infer<typeof journalSchema>;

const hashOf = (text: string | null): string | null => (text === null ? null : sha256(text));

const place = (root: string, path: string): string => join(root, ...path.split("/"));

const store = async (file: string, text: string): Promise<void> => {
  const handle = await open(file, "w");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const exists = async (folder: string): Promise<boolean> =>
  readdir(folder).then(
    () => true,
    () => false,
  );

const missingFolders = async (root: string, changes: readonly FileChange[]): Promise<string[]> => {
  const folders = new Set<string>();
  for (const { path } of changes) {
    const parts = path.split("/").slice(0, -1);
    for (let length = 1; length <= parts.length; length += 1) folders.add(parts.slice(0, length).join("/"));
  }
  const missing: string[] = [];
  for (const folder of [...folders].sort()) if (!(await exists(place(root, folder)))) missing.push(folder);
  return missing;
};

/** Writing takes seconds: after that the number of the process may be another one's. */
const longestRunMs = 120_000;

const isAtWork = async (root: string, pid: number): Promise<boolean> => {
  const { mtimeMs } = await stat(join(root, journalFolder, "journal.json"));
  if (pid === process.pid || Date.now() - mtimeMs > longestRunMs) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

const readJournal = async (root: string): Promise<Journal | undefined> => {
  const text = await readOptional(join(root, journalFolder, "journal.json"));
  return text === null ? undefined : journalSchema.parse(JSON.parse(text));
};

const remove = (root: string): Promise<void> =>
  rm(join(root, journalFolder), { recursive: true, force: true });

/** A folder that has nothing left in it goes. */
const removeIfEmpty = (folder: string): Promise<void> => rmdir(folder).catch(() => undefined);

const undo = async (root: string, { changes, folders }: Journal): Promise<void> => {
  for (const [index, { path, before, after }] of changes.entries()) {
    const target = place(root, path);
    const present = hashOf(await readOptional(target));
    // Nothing but what the run itself wrote is taken back.
    if (present === before || present !== after) continue;
    if (before === null) await rm(target, { force: true });
    else {
      // A rename, so that the file is never there by half.
      const copy = join(root, journalFolder, `undo-${String(index)}`);
      await copyFile(join(root, journalFolder, `before-${String(index)}`), copy);
      await mkdir(dirname(target), { recursive: true });
      await rename(copy, target);
    }
  }
  for (const folder of folders.toReversed()) await removeIfEmpty(place(root, folder));
  await remove(root);
};

/** Whether a run was interrupted here while it wrote. */
export const isInterrupted = (root: string): Promise<boolean> => exists(join(root, journalFolder));

/**
 * Takes back what an interrupted run wrote, so that the project is as before it. Returns a fault, and changes nothing, when a
 * file was changed since, or when that run still goes on.
 */
export const recover = async (root: string): Promise<readonly Fault[]> => {
  const journal = await readJournal(root);
  // Without its list of changes the run had not begun to change anything.
  if (journal === undefined) {
    await remove(root);
    return [];
  }
  if (await isAtWork(root, journal.pid))
    return [
      {
        code: "interrupted",
        message: `another run (process ${String(journal.pid)}) is writing into ${root}`,
        advice: "let it finish, then run again",
      },
    ];
  const faults: Fault[] = [];
  for (const [index, { path, before, after }] of journal.changes.entries()) {
    const present = hashOf(await readOptional(place(root, path)));
    if (present === before || present === after) continue;
    const copy =
      before === null ? "there was none before" : `${journalFolder}/before-${String(index)} has it as before`;
    faults.push({
      code: "interrupted",
      message: `${path} was changed after a run of adopt was interrupted (${copy})`,
      advice: `restore the project from version control, delete ${journalFolder}, then run again`,
    });
  }
  if (faults.length === 0) await undo(root, journal);
  return faults;
};

const prepare = async (root: string, changes: readonly FileChange[]): Promise<Journal> => {
  const folder = join(root, journalFolder);
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw refuse("interrupted", `another run is writing into ${root}`, "let it finish, then run again");
  }
  for (const [index, { path, before, after }] of changes.entries()) {
    if (before !== null) await store(join(folder, `before-${String(index)}`), before);
    if (after === null) continue;
    const staged = join(folder, `after-${String(index)}`);
    await store(staged, after);
    const present = before === null ? undefined : await stat(place(root, path));
    if (present !== undefined) await chmod(staged, present.mode);
  }
  const journal: Journal = {
    pid: process.pid,
    changes: changes.map(({ path, before, after }) => ({
      path,
      before: hashOf(before),
      after: hashOf(after),
    })),
    folders: await missingFolders(root, changes),
  };
  const draft = join(folder, "draft.json");
  await store(draft, JSON.stringify(journal));
  // From here on a run that is interrupted can be taken back.
  await rename(draft, join(folder, "journal.json"));
  return journal;
};

const carryOut = async (
  root: string,
  changes: readonly FileChange[],
  { folders }: Journal,
): Promise<void> => {
  for (const folder of folders) await mkdir(place(root, folder), { recursive: true });
  for (const [index, { path, after }] of changes.entries()) {
    const target = place(root, path);
    if (after === null) await unlink(target);
    else await rename(join(root, journalFolder, `after-${String(index)}`), target);
  }
};

const removeEmptied = async (root: string, changes: readonly FileChange[]): Promise<void> => {
  const folders = new Set<string>();
  for (const { path, after } of changes) {
    const parts = path.split("/").slice(0, -1);
    if (after === null)
      for (let length = 1; length <= parts.length; length += 1) folders.add(parts.slice(0, length).join("/"));
  }
  for (const folder of [...folders].sort().toReversed()) await removeIfEmpty(place(root, folder));
};

/** Writes all changes or, when one fails, none. Folders that are emptied go. */
export const writeChanges = async (root: string, changes: readonly FileChange[]): Promise<void> => {
  if (changes.length === 0) return;
  const journal = await prepare(root, changes);
  for (const { path, before } of changes) {
    if ((await readOptional(place(root, path))) === before) continue;
    await remove(root);
    throw refuse("interrupted", `${path} was changed meanwhile`, "run again");
  }
  try {
    await carryOut(root, changes, journal);
  } catch (error) {
    await undo(root, journal);
    throw error;
  }
  await removeEmptied(root, changes);
  await remove(root);
};
