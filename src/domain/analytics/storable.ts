import { type Invalid } from "./types.ts";
import { limits } from "./limits.ts";

/** What JSON can say and a text of Postgres cannot hold: NUL, and half of a surrogate pair. */
const unstorable = /[\p{Surrogate}\0]/u;

export const isStorableText = (text: string): boolean => !unstorable.test(text);

const invalidText = (path: string): Invalid => ({
  code: "invalid-text",
  path,
  message: "a text may hold neither NUL nor half of a surrogate pair",
});

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

/** Looks through data as `JSON.parse` made it for what would be stored otherwise than it was sent, or not at all. */
export const findUnstorable = (value: unknown, path: string, depth = 0): Invalid | null => {
  switch (typeof value) {
    case "string":
      return isStorableText(value) ? null : invalidText(path);
    case "number":
      // JSON.parse has rounded it by now, or made it infinite.
      return Number.isInteger(value)
        ? Number.isSafeInteger(value)
          ? null
          : inexact(path)
        : Number.isFinite(value)
          ? null
          : inexact(path);
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
      const found = findUnstorable(value[index], join(path, String(index)), depth + 1);
      if (found !== null) return found;
    }
    return null;
  }
  for (const key in value) {
    if (!isStorableText(key)) return invalidText(path);
    const found = findUnstorable(
      (value as Readonly<Record<string, unknown>>)[key],
      join(path, key),
      depth + 1,
    );
    if (found !== null) return found;
  }
  return null;
};

const inexact = (path: string): Invalid => ({
  code: "number-out-of-range",
  path,
  message: "a number must be exact as a double; send it as text",
});
