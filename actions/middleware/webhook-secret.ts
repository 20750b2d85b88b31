import { type RequestHandler } from "express";
import { AppError, createSecretCheck } from "../../src/core/index.ts";

/** Only Hasura knows the secret. */
export function webhookSecret(secret: string): RequestHandler {
  const isSecret = createSecretCheck(secret);
  return (request, _response, next) => {
    if (isSecret(request.header("x-action-secret") ?? "")) {
      next();
      return;
    }
    next(new AppError({ kind: "unauthenticated", code: "access-denied", message: "wrong action secret" }));
  };
}
