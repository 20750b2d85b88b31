import { randomUUID } from "node:crypto";
import { type RequestHandler } from "express";
import { requestIdHeader, requestIdOf } from "../../src/core/index.ts";

/** Takes over a well-formed id of the caller, so that one id follows a request through gateway, engine and here. */
export const requestId: RequestHandler = (request, response, next) => {
  const id = requestIdOf(request.headers) ?? randomUUID();
  response.locals["requestId"] = id;
  response.setHeader(requestIdHeader, id);
  next();
};
