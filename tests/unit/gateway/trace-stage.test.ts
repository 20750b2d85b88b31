import { afterEach, expect, it } from "@jest/globals";
import { propagation, trace, type TextMapPropagator } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createTraceStage, type GatewayRequest } from "../../../src/gateway/index.ts";

/** The header of W3C, without what this test does not need of it. */
const traceparent: TextMapPropagator<Record<string, unknown>> = {
  fields: () => ["traceparent"],
  extract: (context, carrier) => {
    const [, traceId, spanId] = String(carrier["traceparent"] ?? "").split("-");
    if (traceId === undefined || spanId === undefined) return context;
    return trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
  inject: (context, carrier) => {
    const span = trace.getSpanContext(context);
    if (span !== undefined) carrier["traceparent"] = `00-${span.traceId}-${span.spanId}-01`;
  },
};

const traceId = "0af7651916cd43dd8448eb211c80319c";
const given = `00-${traceId}-b7ad6b7169203331-01`;

const requestWith = (headers: Record<string, string>): GatewayRequest => ({
  id: "1",
  caller: {
    kind: "user",
    role: "user",
    address: "127.0.0.1",
    workspaceId: "w",
    userId: "u",
    apiKeyId: undefined,
    expiresAt: undefined,
  },
  protocol: "http",
  path: "/v1/graphql",
  headers,
  receivedAt: new Date(0),
  bytesIn: 1,
  operations: [],
});

const outcome = {
  status: 429,
  code: "rate-limited",
  refusedBy: "rate-limit",
  latencyMs: 1,
  bytesIn: 1,
  bytesOut: 1,
};

afterEach(() => propagation.disable());

it("goes on from the client's trace, hands its own span on, and says what became of the request", () => {
  propagation.setGlobalPropagator(traceparent);
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const stage = createTraceStage(provider.getTracer("test"));
  const headers: Record<string, string> = { traceparent: given };
  const request = requestWith(headers);
  expect(stage.admit(request)).toEqual({ allowed: true });
  stage.settle?.(request, outcome);
  const [span] = exporter.getFinishedSpans();
  expect(span?.spanContext().traceId).toBe(traceId);
  expect(headers["traceparent"]).toBe(`00-${traceId}-${span?.spanContext().spanId ?? ""}-01`);
  expect(span?.attributes).toMatchObject({
    "hasura_usage.workspace_id": "w",
    "http.response.status_code": 429,
    "error.type": "rate-limited",
    "hasura_usage.refused_by": "rate-limit",
  });
});

it("does nothing without an SDK, and leaves the client's header as it is", () => {
  const stage = createTraceStage();
  const headers = { traceparent: given };
  const request = requestWith(headers);
  expect(stage.admit(request)).toEqual({ allowed: true });
  stage.settle?.(request, outcome);
  expect(headers).toEqual({ traceparent: given });
});
