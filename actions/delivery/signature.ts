import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";

/** 24 random bytes in the form that Standard Webhooks asks for. */
export const newSecret = (): string => `whsec_${randomBytes(24).toString("base64")}`;

/** The headers of Standard Webhooks; while a secret is being rotated, a signature of each. */
export function signedHeaders(
  eventId: string,
  at: Date,
  body: string,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  return {
    "webhook-id": eventId,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(eventId, at, body)).join(" "),
  };
}
