import { afterEach, expect, it } from "@jest/globals";
import { createTraceStage, type GatewayRequest } from "../../../src/gateway/index.ts";
import { startTestTracing, type TestTracing } from "../../support/tracing.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const given = `00-${traceId}-b7ad6b7169203331-01`;

const requestWith = (
  headers: Record<string, string>,
  protocol: GatewayRequest["protocol"] = "http",
): GatewayRequest => ({
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
  protocol,
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

let tracing: TestTracing | undefined;
afterEach(() => tracing?.stop());

it("goes on from the client's trace, hands its own span on, and says what became of the request", () => {
  tracing = startTestTracing();
  const stage = createTraceStage();
  const headers: Record<string, string> = { traceparent: given };
  const request = requestWith(headers);
  expect(stage.admit(request)).toEqual({ allowed: true });
  stage.settle?.(request, outcome);
  const [span] = tracing.spans();
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

it("leaves the headers of a WebSocket to all of its operations", () => {
  tracing = startTestTracing();
  const stage = createTraceStage();
  const headers = { traceparent: given };
  for (let each = 0; each < 2; each += 1) {
    const request = requestWith(headers, "ws");
    expect(stage.admit(request)).toEqual({ allowed: true });
    stage.settle?.(request, outcome);
  }
  expect(tracing.spans().map((span) => span.parentSpanContext?.spanId)).toEqual([
    "b7ad6b7169203331",
    "b7ad6b7169203331",
  ]);
});
