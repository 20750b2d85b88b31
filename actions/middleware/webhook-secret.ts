import { createHash, timingSafeEqual } from "node:crypto";
import { type RequestHandler } from "express";
import { AppError } from "../../src/core/index.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Only Hasura knows the secret. Digests are compared, so neither content nor length shows in the time taken. */
export function webhookSecret(secret: string): RequestHandler {
  const expected = digest(secret);
  return (request, _response, next) => {
    if (timingSafeEqual(digest(request.header("x-action-secret") ?? ""), expected)) {
      next();
      return;
    }
    next(new AppError({ kind: "unauthenticated", code: "access-denied", message: "wrong action secret" }));
  };
}
