import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import { type Clock, type Logger, requestIdOf } from "../core/index.ts";
import type { Identity } from "./identity/types.ts";
import type { ClientAddress } from "./requests/client-address.ts";
import { identifyOrRefuse } from "./requests/identify.ts";
import { refuseUnread } from "./requests/refuse-unread.ts";
import { sendRefusal } from "./requests/respond.ts";
import type { RunStages } from "./requests/run-stages.ts";
import type { NoteTurnedAway } from "./requests/turned-away.ts";
import { setCaller } from "./routes.ts";

export interface RouteGuardDeps {
  readonly identity: Identity;
  readonly runStages: RunStages;
  readonly noteTurnedAway: NoteTurnedAway;
  readonly addressOf: ClientAddress;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What every mounted route has in front of it: who asks, and the stages. */
export const createRouteGuard =
  ({ identity, runStages, noteTurnedAway, addressOf, clock, logger }: RouteGuardDeps): RequestHandler =>
  async (request, response, next) => {
    const startedAt = performance.now();
    const receivedAt = clock.now();
    const address = addressOf(request);
    const identified = await identifyOrRefuse(identity, request, address, logger);
    if ("refused" in identified) {
      noteTurnedAway("identity", identified.refused, {
        request: { headers: request.headers, url: request.originalUrl },
      });
      refuseUnread(request, response, identified.refused, clock);
      return;
    }
    const bytesIn = Number(request.headers["content-length"] ?? 0);
    const stages = await runStages({
      id: requestIdOf(request.headers) ?? randomUUID(),
      caller: identified.caller,
      protocol: "http",
      path: request.originalUrl.split("?", 1)[0] ?? request.originalUrl,
      headers: request.headers,
      receivedAt,
      bytesIn,
      operations: [],
    });
    const { refused } = stages;
    const before = request.socket.bytesWritten;
    response.once("close", () => {
      stages.settle({
        status: response.statusCode,
        code: refused?.code,
        refusedBy: refused?.by,
        latencyMs: performance.now() - startedAt,
        bytesIn,
        bytesOut: request.socket.bytesWritten - before,
      });
    });
    if (refused !== undefined) {
      sendRefusal(response, refused, stages.headers);
      return;
    }
    for (const [name, value] of Object.entries(stages.headers)) response.setHeader(name, value);
    setCaller(request, identified.caller);
    next();
  };
