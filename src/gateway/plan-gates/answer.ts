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

const send = (
  response: Response,
  status: number,
  body: Readonly<Record<string, unknown>>,
  retryAfterSeconds: number | null,
): void => {
  for (const name of ownedByAnswer) response.removeHeader(name);
  if (retryAfterSeconds !== null) response.set("retry-after", String(retryAfterSeconds));
  // What a plan allows is nobody else's, and not for long.
  response.set("cache-control", "no-store").status(status).json(body);
};

/** The one body of all refusals. */
export const sendRefusal = (
  response: Response,
  refusal: Refusal,
  upgradeUrl: string | ((refusal: Refusal) => string),
): void => {
  const { gate, code, reason, currentPlan, upgrade, retryAfterSeconds, details } = refusal;
  const url = typeof upgradeUrl === "string" ? upgradeUrl : upgradeUrl(refusal);
  send(
    response,
    refusal.status,
    { code, reason, gate, currentPlan, upgrade, upgradeUrl: url, retryAfterSeconds, details },
    retryAfterSeconds,
  );
};

/** The answer of a gate that cannot decide and lets nobody through. */
export const sendOutage = (response: Response, code: string): void =>
  send(
    response,
    503,
    { code, reason: "It cannot be decided at present whether this is allowed; ask again later." },
    1,
  );
