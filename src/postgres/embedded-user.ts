import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, parse } from "node:path";

/** The OS user that runs the server; undefined where it is simply ours. */
export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

const candidates = ["postgres", "nobody"];

/** PostgreSQL refuses to run as root, so root hands it to an unprivileged user that the system knows by name. */
export const unprivilegedUser = (): OsUser | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of candidates) {
    const entry = entries.find(([user]) => user === name);
    const uid = Number(entry?.[2]);
    const gid = Number(entry?.[3]);
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  return { uid: 65534, gid: 65534 };
};

/** Whether another user may walk down to `path`: every folder above and the path itself are open to others. */
export const isReachableByOthers = async (path: string): Promise<boolean> => {
  const { root } = parse(path);
  for (let at = path; ; at = dirname(at)) {
    const info = await stat(at).catch(() => undefined);
    if (info !== undefined && (info.mode & 0o001) === 0) return false;
    if (at === root) return true;
  }
};
