import { type Invalid } from "./types.ts";
import { limits } from "./limits.ts";

/** What JSON can say and a text of Postgres cannot hold: NUL, and half of a surrogate pair. */
const unstorable = /[\p{Surrogate}\0]/u;
/** Without looking for pairs, which is quicker; most texts have none. */
const suspect = /[\ud800-\udfff\0]/;

export const isStorableText = (text: string): boolean => !suspect.test(text) || !unstorable.test(text);

const invalidText = (path: string): Invalid => ({
  code: "invalid-text",
  path,
  message: "a text may hold neither NUL nor half of a surrogate pair",
});

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

/** Whether nothing in data is at fault, without saying where: names of places cost more than looking. */
const isStorable = (value: unknown, depth: number): boolean => {
  if (typeof value === "string") return isStorableText(value);
  if (typeof value === "number") return isExact(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth === limits.depth) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  for (const key in value) {
    if (!isStorableText(key)) return false;
    if (!isStorable((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return false;
  }
  return true;
};

/** JSON.parse has rounded a number by now, or made it infinite. */
const isExact = (value: number): boolean =>
  Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);

/** Looks through data as `JSON.parse` made it for what would be stored otherwise than it was sent, or not at all. */
export const findUnstorable = (value: unknown, path: string): Invalid | null =>
  isStorable(value, 0) ? null : find(value, path, 0);

const find = (value: unknown, path: string, depth: number): Invalid | null => {
  switch (typeof value) {
    case "string":
      return isStorableText(value) ? null : invalidText(path);
    case "number":
      return isExact(value) ? null : inexact(path);
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (depth === limits.depth)
    return { code: "too-deep", path, message: `nested deeper than ${String(limits.depth)} levels` };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const found = find(value[index], join(path, String(index)), depth + 1);
      if (found !== null) return found;
    }
    return null;
  }
  for (const key in value) {
    if (!isStorableText(key)) return invalidText(path);
    const found = find((value as Readonly<Record<string, unknown>>)[key], join(path, key), depth + 1);
    if (found !== null) return found;
  }
  return null;
};

const inexact = (path: string): Invalid => ({
  code: "number-out-of-range",
  path,
  message: "a number must be exact as a double; send it as text",
});
