import { type ErrorRequestHandler } from "express";
import { AppError, type ErrorKind, type Logger } from "../../src/core/index.ts";
import { postgresFault } from "../postgres-fault.ts";

const statusOf: Readonly<Record<ErrorKind, number>> = {
  "invalid-input": 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  denied: 429,
  unavailable: 503,
  internal: 500,
};

interface BodyParserError {
  readonly status: number;
  readonly type: string;
}

const isBodyParserError = (error: unknown): error is BodyParserError =>
  typeof error === "object" && error !== null && "type" in error && "status" in error;

function classify(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isBodyParserError(error)) {
    const message =
      error.type === "entity.too.large" ? "the request body is too large" : "the body is not valid JSON";
    return new AppError({ kind: "invalid-input", code: "invalid-input", message });
  }
  return (
    postgresFault(error) ??
    new AppError({ kind: "internal", code: "unexpected", message: "internal error", cause: error })
  );
}

/** The one mapping of errors to Hasura's webhook contract: 4xx with message and code, 5xx for outages. */
export function errorHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const fault = classify(error);
    const status = statusOf[fault.kind];
    const context = { requestId: response.locals["requestId"], path: request.path, code: fault.code };
    if (status >= 500)
      logger.error({ ...context, err: fault.cause ?? fault, ...fault.context }, "request failed");
    else logger.info(context, "request refused");
    response
      .status(status)
      .json({ message: fault.message, extensions: { code: fault.code, ...fault.extensions } });
  };
}
