import { createHash } from "node:crypto";
import { parse } from "yaml";

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === "" ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** Keys sorted, and without those that say nothing: an export of Hasura's writes or omits them as it likes. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, canonical(inner)] as const)
      .filter(([, inner]) => !isEmpty(inner))
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
};

/** Digest of what a value says, whatever its layout in a file. */
export const contentHash = (value: unknown): string => sha256(JSON.stringify(canonical(value)) ?? "");

/** Digest of what a file says: of a YAML file its content, of any other its text. */
export const fileContentHash = (path: string, text: string): string => {
  if (!path.endsWith(".yaml")) return sha256(text);
  try {
    return contentHash(parse(text));
  } catch {
    return sha256(text);
  }
};
