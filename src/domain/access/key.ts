import { createHash, randomBytes } from "node:crypto";

export const apiKeyScopes = ["graphql:read", "graphql:write", "events:write"] as const;
export type ApiKeyScope = (typeof apiKeyScopes)[number];

/** By it a key is told from a token, and found by scanners for leaked secrets. */
const mark = "hu_";

export const isApiKey = (text: string): boolean => text.startsWith(mark);

export const hashApiKey = (key: string): string => createHash("sha256").update(key).digest("hex");

/** A new key with 256 random bits; only its hash is to be stored. */
export const newApiKey = (): { readonly key: string; readonly prefix: string; readonly hash: string } => {
  const key = `${mark}${randomBytes(32).toString("base64url")}`;
  return { key, prefix: key.slice(0, 11), hash: hashApiKey(key) };
};
