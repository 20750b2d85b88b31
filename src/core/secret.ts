import { createHash, timingSafeEqual } from "node:crypto";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Whether a text is the secret. Digests have one length, which a constant-time comparison needs, so neither content nor
 * length shows in the time taken.
 */
export const createSecretCheck = (secret: string): ((given: string) => boolean) => {
  const expected = digest(secret);
  return (given) => timingSafeEqual(digest(given), expected);
};
