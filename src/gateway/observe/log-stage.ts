import type { Logger } from "../../core/index.ts";
import type { GatewayObserver, GatewayRequest } from "../stage.ts";

/** A client's word: short, and without what breaks a line or a terminal. */
const shown = (name: string | undefined): string | undefined => name?.replace(/[^\w.:-]/gu, "?").slice(0, 64);

const operationOf = ({ operations }: GatewayRequest): string | undefined => shown(operations[0]?.name);

/** One line for each request: whose it was, what it was called and what became of it; never its text, its values or its headers. */
export const createLogStage = (logger: Logger): GatewayObserver => ({
  name: "log",
  admit: () => ({ allowed: true }),
  turnedAway: ({ id, protocol, path, caller, by, status, code }) => {
    const line = {
      requestId: id,
      workspaceId: caller?.workspaceId,
      userId: caller?.userId,
      apiKeyId: caller?.apiKeyId,
      caller: caller?.kind ?? "unknown",
      role: caller?.role,
      protocol,
      // Nobody vouches for the path of a stranger; that of an endpoint is ours.
      path: by === "route" ? undefined : path,
      status,
      code,
      refusedBy: by,
    };
    if (status >= 500) logger.warn(line, "request failed");
    else logger.info(line, "request turned away");
  },
  settle: (request, { status, code, refusedBy, latencyMs, bytesIn, bytesOut }) => {
    const { caller, protocol, path, id } = request;
    const line = {
      requestId: id,
      workspaceId: caller.workspaceId,
      userId: caller.userId,
      apiKeyId: caller.apiKeyId,
      caller: caller.kind,
      role: caller.role,
      protocol,
      path,
      operation: operationOf(request),
      status,
      code,
      refusedBy,
      durationMs: Math.round(latencyMs * 10) / 10,
      bytesIn,
      bytesOut,
    };
    if (status >= 500) logger.warn(line, "request failed");
    else logger.info(line, "request answered");
  },
});
