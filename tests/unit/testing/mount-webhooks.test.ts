import { describe, expect, it } from "@jest/globals";
import express from "express";

import { mountWebhooks } from "../../../src/testing/index.ts";

const post = (body: string, signal = new AbortController().signal) => ({
  method: "POST" as const,
  headers: { "content-type": "application/json", "x-secret": "s" },
  body,
  signal,
});

describe("webhooks in the same process", () => {
  const app = express();
  app.use(express.json({ limit: "10mb" }));
  app.post("/echo", (request, response) => {
    response
      .status(201)
      .append("set-cookie", "a=1")
      .append("set-cookie", "b=2")
      .json({
        host: request.get("host"),
        secret: request.get("x-secret"),
        query: request.query,
        body: request.body as unknown,
      });
  });
  app.post("/nothing", (_request, response) => {
    response.status(204).end();
  });
  app.post("/broken", (request) => {
    request.socket.destroy();
  });
  app.post("/slow", () => undefined);
  const client = mountWebhooks(app);

  it("goes on when a handler throws, at once or later, and says so", async () => {
    const thrown = mountWebhooks(() => {
      throw new Error("at once");
    });
    await expect(thrown("http://handlers.test/a", post("{}"))).rejects.toThrow(
      "the handler of http://handlers.test/a threw: at once",
    );
    const later = mountWebhooks(((): Promise<void> => Promise.reject(new Error("later"))) as () => void);
    await expect(later("http://handlers.test/b", post("{}"))).rejects.toThrow("threw: later");
  });

  it("carries path, query, headers, body and cookies", async () => {
    const response = await client("http://handlers.test:8080/echo?a=1", post('{"n":1,"ü":"€"}'));
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await response.json()).toEqual({
      host: "handlers.test:8080",
      secret: "s",
      query: { a: "1" },
      body: { n: 1, ü: "€" },
    });
  });

  it("carries bodies of megabytes, and answers without a body", async () => {
    const text = "x".repeat(3_000_000);
    const answer = await client("http://h/echo", post(JSON.stringify({ text })));
    expect(((await answer.json()) as { readonly body: { readonly text: string } }).body.text).toBe(text);
    expect((await client("http://h/nothing", post("{}"))).status).toBe(204);
  });

  it("fails like a network: a broken connection, a call given up", async () => {
    await expect(client("http://h/broken", post("{}"))).rejects.toThrow();
    const controller = new AbortController();
    const call = client("http://h/slow", post("{}", controller.signal));
    controller.abort();
    await expect(call).rejects.toThrow("aborted");
  });
});
