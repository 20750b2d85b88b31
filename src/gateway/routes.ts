import type { IncomingMessage } from "node:http";
import type { RequestHandler, Router } from "express";
import type { Caller } from "./caller.ts";

/** Something else than GraphQL that the gateway serves; its requests are identified and pass the stages first. */
export interface GatewayRoute {
  /** For example `/api/analytics/track`. */
  readonly path: string;
  readonly router: Router | RequestHandler;
  /** What an API key needs for it. */
  readonly scope?: string;
}

const callers = new WeakMap<IncomingMessage, Caller>();

export const setCaller = (request: IncomingMessage, caller: Caller): void => {
  callers.set(request, caller);
};

/** Who asks, on a route that the gateway has mounted. */
export const callerOf = (request: IncomingMessage): Caller => {
  const caller = callers.get(request);
  if (caller === undefined)
    throw new Error("the request has not been identified: mount the route by createGateway");
  return caller;
};
