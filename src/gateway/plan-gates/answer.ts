import { type Response } from "express";
import { type Refusal } from "./types.ts";

/** Headers that belong to the answer that a refusal takes the place of. */
const ownedByAnswer = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
  "location",
  "set-cookie",
  "transfer-encoding",
];

type Body = Readonly<Record<string, unknown>>;
type UpgradeUrl = string | ((refusal: Refusal) => string);

const setHead = (response: Response, status: number, retryAfterSeconds: number | null): void => {
  for (const name of ownedByAnswer) response.removeHeader(name);
  if (retryAfterSeconds !== null) response.set("retry-after", String(retryAfterSeconds));
  // What a plan allows is nobody else's, and not for long.
  response.set("cache-control", "no-store").status(status);
};

/** The one body of all refusals. */
const bodyOf = (refusal: Refusal, upgradeUrl: UpgradeUrl): Body => {
  const { gate, code, reason, currentPlan, upgrade, retryAfterSeconds, details } = refusal;
  const url = typeof upgradeUrl === "string" ? upgradeUrl : upgradeUrl(refusal);
  return { code, reason, gate, currentPlan, upgrade, upgradeUrl: url, retryAfterSeconds, details };
};

export const sendRefusal = (response: Response, refusal: Refusal, upgradeUrl: UpgradeUrl): void => {
  setHead(response, refusal.status, refusal.retryAfterSeconds);
  response.json(bodyOf(refusal, upgradeUrl));
};

/** The same, whole for the client, but not ended: the connection stays until the caller ends it, and is not used again. */
export const beginRefusal = (response: Response, refusal: Refusal, upgradeUrl: UpgradeUrl): void => {
  const text = JSON.stringify(bodyOf(refusal, upgradeUrl));
  setHead(response, refusal.status, refusal.retryAfterSeconds);
  response.type("json").set({ "content-length": String(Buffer.byteLength(text)), connection: "close" });
  response.write(text);
};

/** The answer of a gate that cannot decide and lets nobody through. */
export const sendOutage = (response: Response, code: string): void => {
  setHead(response, 503, 1);
  response.json({
    code,
    reason: "It cannot be decided at present whether this is allowed; ask again later.",
  });
};
