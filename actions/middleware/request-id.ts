import { randomUUID } from "node:crypto";
import { type RequestHandler } from "express";

const safeId = /^[\w.:-]{1,128}$/u;

/** Takes over a well-formed id of the caller, so that one id follows a request through gateway, engine and here. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.header("x-request-id");
  const id = given !== undefined && safeId.test(given) ? given : randomUUID();
  response.locals["requestId"] = id;
  response.setHeader("x-request-id", id);
  next();
};
