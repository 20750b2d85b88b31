import { afterEach, describe, expect, it } from "@jest/globals";
import express from "express";
import { callerOf, type GatewayStage, type Outcome } from "../../../src/gateway/index.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/wait-for.ts";

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});

const upstreamWith = async (...given: Parameters<typeof startTestUpstream>): Promise<TestUpstream> => {
  const upstream = await startTestUpstream(...given);
  started.push(upstream);
  return upstream;
};
const gatewayWith = async (...given: Parameters<typeof startTestGateway>): Promise<TestGateway> => {
  const gateway = await startTestGateway(...given);
  started.push(gateway);
  return gateway;
};

const post = (
  gateway: TestGateway,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });

const codeOf = async (response: Response): Promise<string> => {
  const body = (await response.json()) as { errors: { extensions: { code: string } }[] };
  return body.errors[0]?.extensions.code ?? "";
};

describe("what passes", () => {
  it("sends status, headers and body of the upstream on, and the token with the role to it", async () => {
    const upstream = await upstreamWith((_request, response) => {
      response.writeHead(201, {
        "x-request-id": "7",
        "set-cookie": ["a=1", "b=2"],
        connection: "x-hop",
        "x-hop": "1",
      });
      response.end('{"data":{"a":1}}');
    });
    const gateway = await gatewayWith({ upstream: { kind: "url", url: upstream.url } });
    const authorization = `Bearer ${await testToken()}`;
    const answer = await post(gateway, '{"query":"{ a }"}', {
      authorization,
      "x-hasura-role": "workspace_admin",
      "x-hasura-user-id": "somebody-else",
      x_hasura_workspace_id: "another",
      "x-other": "kept",
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("x-request-id")).toBe("7");
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(answer.headers.has("x-hop")).toBe(false);
    expect(await answer.text()).toBe('{"data":{"a":1}}');
    const [call] = upstream.calls;
    expect(call?.body).toBe('{"query":"{ a }"}');
    expect(call?.headers).toMatchObject({
      authorization,
      "x-hasura-role": "workspace_admin",
      "x-other": "kept",
    });
    expect(call?.headers).not.toHaveProperty("x-hasura-user-id");
    expect(call?.headers).not.toHaveProperty("x_hasura_workspace_id");
  });

  it("lets the holder of the admin secret say whom it acts for", async () => {
    const upstream = await upstreamWith();
    const gateway = await gatewayWith({ upstream: { kind: "url", url: upstream.url } });
    const acting = {
      "x-hasura-admin-secret": testAdminSecret,
      "x-hasura-role": "user",
      "x-hasura-user-id": "u1",
    };
    await post(gateway, '{"query":"{ a }"}', acting);
    expect(upstream.calls[0]?.headers).toMatchObject(acting);
  });
});

describe("stages", () => {
  it("see the caller and the operation, put headers on the answer and hear of its end", async () => {
    const upstream = await upstreamWith();
    const outcomes: Outcome[] = [];
    const seen: unknown[] = [];
    const stage: GatewayStage = {
      name: "watch",
      admit: ({ caller, operations }) => {
        seen.push({ kind: caller.kind, workspaceId: caller.workspaceId, operations });
        return { allowed: true, headers: { ratelimit: "r=1" } };
      },
      settle: (_request, outcome) => outcomes.push(outcome),
    };
    const gateway = await gatewayWith({ upstream: { kind: "url", url: upstream.url }, stages: [stage] });
    const query = "query Mine { a { ...b } c: a { d } } fragment b on x { e f { g } }";
    const answer = await post(gateway, JSON.stringify({ query }), {
      authorization: `Bearer ${await testToken()}`,
    });
    expect(answer.headers.get("ratelimit")).toBe("r=1");
    await answer.text();
    await waitFor("the stage to settle", () => outcomes.length === 1);
    expect(seen).toEqual([
      {
        kind: "user",
        workspaceId: "00000000-0000-4000-8000-000000000002",
        operations: [
          {
            type: "query",
            name: "Mine",
            rootFields: ["a", "a"],
            depth: 3,
            nodes: 6,
            objectDepth: 2,
            objects: 3,
          },
        ],
      },
    ]);
    expect(outcomes).toMatchObject([{ status: 200, refusedBy: undefined, bytesOut: 11 }]);
  });

  it("refuse with their status, code and headers, once for each request of a batch, before the upstream", async () => {
    const upstream = await upstreamWith();
    const settled: string[] = [];
    const first: GatewayStage = {
      name: "first",
      admit: () => ({ allowed: true, headers: { "x-first": "1" } }),
      settle: (_request, { refusedBy }) => settled.push(`first after ${String(refusedBy)}`),
    };
    const second: GatewayStage = {
      name: "second",
      admit: () => ({
        allowed: false,
        status: 429,
        code: "rate-limited",
        message: "too many",
        headers: { "retry-after": "3" },
        extensions: { limit: 1 },
      }),
    };
    const gateway = await gatewayWith({
      upstream: { kind: "url", url: upstream.url },
      stages: [first, second],
    });
    const answer = await post(gateway, '[{"query":"{ a }"},{"query":"{ b }"}]');
    expect(answer.status).toBe(429);
    expect(answer.headers.get("retry-after")).toBe("3");
    expect(answer.headers.get("x-first")).toBe("1");
    const error = { message: "too many", extensions: { path: "$", code: "rate-limited", limit: 1 } };
    expect(await answer.json()).toEqual([{ errors: [error] }, { errors: [error] }]);
    await waitFor("the stage to settle", () => settled.length === 1);
    expect(settled).toEqual(["first after second"]);
    expect(upstream.calls).toEqual([]);
  });

  it("stand in front of mounted routes, which know who asks", async () => {
    const upstream = await upstreamWith();
    const router = express.Router();
    router.get("/who", (request, response) => {
      response.json({ kind: callerOf(request).kind });
    });
    const gateway = await gatewayWith({
      upstream: { kind: "url", url: upstream.url },
      routes: [{ path: "/api/test", router }],
    });
    const answer = await fetch(`${gateway.url}/api/test/who`, {
      headers: { authorization: `Bearer ${await testToken()}` },
    });
    expect(await answer.json()).toEqual({ kind: "user" });
    const forged = await fetch(`${gateway.url}/api/test/who`, { headers: { authorization: "Bearer a.b.c" } });
    expect(await codeOf(forged)).toBe("invalid-jwt");
  });
});

describe("what fails", () => {
  it("is 502 when nothing listens, 504 when the upstream does not answer in time", async () => {
    const upstream = await upstreamWith(() => undefined);
    const slow = await gatewayWith({
      upstream: { kind: "url", url: upstream.url },
      settings: { upstreamTimeoutMs: 50 },
    });
    const late = await post(slow, '{"query":"{ a }"}');
    expect([late.status, await codeOf(late)]).toEqual([504, "upstream-timeout"]);
    const gone = await startTestUpstream();
    await gone.stop();
    const gateway = await gatewayWith({ upstream: { kind: "url", url: gone.url } });
    const down = await post(gateway, '{"query":"{ a }"}');
    expect([down.status, await codeOf(down)]).toEqual([502, "upstream-unavailable"]);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(503);
  });

  it("refuses a body above the limit, announced or not", async () => {
    const upstream = await upstreamWith();
    const gateway = await gatewayWith({
      upstream: { kind: "url", url: upstream.url },
      settings: { bodyLimitBytes: 100 },
    });
    const announced = await post(gateway, " ".repeat(101));
    expect([announced.status, await codeOf(announced)]).toEqual([413, "payload-too-large"]);
    const streamed = await fetch(`${gateway.url}/v1/graphql`, {
      method: "POST",
      body: new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode(" ".repeat(101)));
          controller.close();
        },
      }),
      duplex: "half",
    } as RequestInit);
    expect([streamed.status, await codeOf(streamed)]).toEqual([413, "payload-too-large"]);
    expect(upstream.calls).toEqual([]);
  });

  it("stops asking the upstream when the client has gone", async () => {
    let closed = false;
    const upstream = await upstreamWith((request) => {
      request.socket.once("close", () => {
        closed = true;
      });
    });
    const gateway = await gatewayWith({ upstream: { kind: "url", url: upstream.url } });
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}/v1/graphql`, { method: "POST", body: "{}", signal: leaving.signal });
    await waitFor("the upstream to be asked", () => upstream.calls.length === 1);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await waitFor("the upstream's connection to close", () => closed);
  });
});
