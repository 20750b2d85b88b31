import { describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../../src/core/index.ts";
import { createActionCaller, type WebhookClient } from "../../../../src/engine/actions/index.ts";
import { createSession, readHeaders } from "../../../../src/auth/index.ts";
import { HasuraError } from "../../../../src/engine/errors.ts";
import type { ActionMeta } from "../../../../src/engine/metadata/types.ts";

const action: ActionMeta = {
  name: "consume",
  kind: "synchronous",
  operation: "mutation",
  arguments: [],
  outputType: "Answer!",
  handler: "{{BASE}}/actions/consume",
  timeoutSeconds: 1,
  forwardClientHeaders: true,
  headers: [{ name: "X-Action-Secret", valueFromEnv: "SECRET" }],
  permissions: ["user"],
};

interface Seen {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

const call = async (answer: () => Response | Promise<Response>, extra: Partial<ActionMeta> = {}) => {
  const seen: Seen[] = [];
  const client: WebhookClient = async (url, request) => {
    seen.push({ url, headers: request.headers, body: JSON.parse(request.body) });
    return answer();
  };
  const caller = createActionCaller({
    client,
    environment: { BASE: "http://127.0.0.1:1", SECRET: "s" },
    logger: silentLogger,
  });
  const result = await caller({
    action: { ...action, ...extra },
    inputJson: '{"amount":1}',
    session: createSession("user", { "x-hasura-user-id": "u1" }),
    clientHeaders: readHeaders({
      Host: "example.test",
      "User-Agent": "browser",
      "X-Hasura-User-Id": "forged",
      "X-Trace": "t",
      Accept: "*/*",
    }),
    requestQuery: "mutation { consume }",
  }).then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  );
  return { ...result, seen };
};

const errorOf = (result: { error: unknown }): ReturnType<HasuraError["toGraphQL"]> => {
  if (!(result.error instanceof HasuraError)) throw result.error;
  return result.error.toGraphQL();
};

const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status });

describe("an action's webhook", () => {
  it("gets Hasura's body, the configured headers and the client's harmless ones", async () => {
    const { value, seen } = await call(() => json(200, { ok: true }));
    expect(value?.value).toEqual({ ok: true });
    expect(seen[0]).toEqual({
      url: "http://127.0.0.1:1/actions/consume",
      headers: {
        "x-action-secret": "s",
        "x-trace": "t",
        "x-forwarded-host": "example.test",
        "x-forwarded-user-agent": "browser",
        "content-type": "application/json",
        "user-agent": expect.stringMatching(/^hasura-graphql-engine\//),
      },
      body: {
        action: { name: "consume" },
        input: { amount: 1 },
        session_variables: { "x-hasura-role": "user", "x-hasura-user-id": "u1" },
        request_query: "mutation { consume }",
      },
    });
  });

  it("gets the id of the request and nothing else of it where client headers are not forwarded", async () => {
    const lines: object[] = [];
    const seen: Readonly<Record<string, string>>[] = [];
    const caller = createActionCaller({
      client: (_url, { headers }) => {
        seen.push(headers);
        return Promise.reject(new Error("nobody there"));
      },
      environment: { BASE: "http://127.0.0.1:1", SECRET: "s" },
      logger: { ...silentLogger, warn: (context) => void lines.push(context) },
    });
    for (const id of ["request-1", "not an id"]) {
      await caller({
        action: { ...action, forwardClientHeaders: false },
        inputJson: "{}",
        session: createSession("user", {}),
        clientHeaders: readHeaders({ "X-Request-Id": id, "X-Trace": "t" }),
        requestQuery: null,
      }).catch(() => undefined);
    }
    expect(seen.map((headers) => headers["x-request-id"])).toEqual(["request-1", undefined]);
    expect(seen[0]).not.toHaveProperty("x-trace");
    expect(lines).toEqual([
      expect.objectContaining({ action: "consume", requestId: "request-1" }),
      expect.objectContaining({ action: "consume", requestId: undefined }),
    ]);
  });

  it("keeps client headers back unless they are to be forwarded", async () => {
    const { seen } = await call(() => json(200, {}), { forwardClientHeaders: false });
    expect(Object.keys(seen[0]?.headers ?? {}).sort()).toEqual([
      "content-type",
      "user-agent",
      "x-action-secret",
    ]);
  });

  it("hands cookies back", async () => {
    const { value } = await call(() => new Response("{}", { headers: { "set-cookie": "a=b" } }));
    expect(value?.setCookies).toEqual(["a=b"]);
  });

  it("refuses with its message and code", async () => {
    expect(errorOf(await call(() => json(400, { message: "no", code: "too-much" })))).toEqual({
      message: "no",
      extensions: { path: "$", code: "too-much" },
    });
    expect(errorOf(await call(() => json(404, { message: "no" }))).extensions).toEqual({
      path: "$",
      code: "unexpected",
    });
  });

  it("replaces the extensions whole when it sends some", async () => {
    const refused = await call(() =>
      json(429, { message: "slow down", code: "ignored", extensions: { code: "rate-limited", limit: 5 } }),
    );
    expect(errorOf(refused)).toEqual({
      message: "slow down",
      extensions: { code: "rate-limited", limit: 5 },
    });
  });

  it.each([
    ["a server error", () => json(500, { message: "secret detail" }), "internal error"],
    ["no JSON", () => new Response("<html>"), "not a valid json response from webhook"],
    ["no connection", () => Promise.reject(new Error("refused")), "http exception when calling webhook"],
    [
      "no answer in time",
      () => new Promise<Response>(() => undefined),
      "http exception when calling webhook",
    ],
  ])("hides the details of %s", async (_, answer, message) => {
    expect(errorOf(await call(answer, { timeoutSeconds: 0.05 }))).toEqual({
      message,
      extensions: { path: "$", code: "unexpected" },
    });
  });

  it("names a missing environment variable", async () => {
    const result = await call(() => json(200, {}), { handler: "{{NOWHERE}}/x" });
    expect(errorOf(result).message).toContain("NOWHERE");
  });
});
