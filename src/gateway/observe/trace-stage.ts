import { propagation, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { remoteContext, shortWord } from "../../core/index.ts";
import type { GatewayRequest, GatewayStage } from "../stage.ts";

/**
 * A span for each request that goes on from the client's trace and is what the upstream goes on from. Without an SDK of OpenTelemetry in
 * the process nothing is recorded, and what the client sent passes as it is.
 */
export const createTraceStage = (tracer: Tracer = trace.getTracer("hasura-usage")): GatewayStage => {
  const spans = new WeakMap<GatewayRequest, Span>();
  return {
    name: "trace",
    admit: (request) => {
      const { protocol, path, caller, headers, operations } = request;
      const from = remoteContext(headers);
      const operation = shortWord(operations[0]?.name);
      const attributes = {
        "url.path": path,
        "hasura_usage.protocol": protocol,
        "hasura_usage.caller": caller.kind,
        ...(caller.workspaceId === undefined ? {} : { "hasura_usage.workspace_id": caller.workspaceId }),
        ...(operation === undefined ? {} : { "graphql.operation.name": operation }),
      };
      const span = tracer.startSpan(`${protocol} ${path}`, { kind: SpanKind.SERVER, attributes }, from);
      spans.set(request, span);
      // The upstream gets these headers: whoever is behind hangs its spans on this one. Those of a WebSocket are all its operations'.
      if (protocol === "http") propagation.inject(trace.setSpan(from, span), headers);
      return { allowed: true };
    },
    settle: (request, { status, code, refusedBy }) => {
      const span = spans.get(request);
      if (span === undefined) return;
      span.setAttribute("http.response.status_code", status);
      if (code !== undefined) span.setAttribute("error.type", code);
      if (refusedBy !== undefined) span.setAttribute("hasura_usage.refused_by", refusedBy);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
};
