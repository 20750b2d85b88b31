import type { ApiCallRollup } from "../../domain/api-calls/index.ts";
import type { GatewayRequest, GatewayStage } from "../stage.ts";

const graphqlPath = "/v1/graphql";

const operationOf = ({ operations, path }: GatewayRequest): string | undefined => {
  if (operations.length > 1) return "(batch)";
  return path === graphqlPath ? operations[0]?.name : path;
};

/**
 * Notes how each request ended, refused ones too: it stands in front of all that refuse. What belongs to no workspace is
 * nobody's usage, and who holds the admin secret operates the system.
 */
export const createRollupStage = (rollup: ApiCallRollup): GatewayStage => ({
  name: "api-call-rollup",
  admit: () => ({ allowed: true }),
  settle: (request, outcome) => {
    const { caller } = request;
    if (caller.kind === "admin" || caller.workspaceId === undefined) return;
    rollup.record({
      workspaceId: caller.workspaceId,
      userId: caller.userId,
      apiKeyId: caller.apiKeyId,
      operation: operationOf(request),
      role: caller.role,
      protocol: request.protocol,
      status: outcome.status,
      code: outcome.code,
      units: Math.max(1, request.operations.length),
      isRefused: outcome.refusedBy !== undefined,
      at: request.receivedAt,
      latencyMs: outcome.latencyMs,
      bytesIn: outcome.bytesIn,
      bytesOut: outcome.bytesOut,
    });
  },
});
