import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

import { afterEach, describe, expect, it } from "@jest/globals";

import { createHttpWebhook } from "../../../../src/engine/actions/index.ts";

let server: Server | undefined;

const listen = async (listener: RequestListener): Promise<string> => {
  server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
};

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

const post = (body = "{}", signal = new AbortController().signal) => ({
  method: "POST",
  headers: { "content-type": "application/json", "x-word": "heard" },
  body,
  signal,
});

describe("the way to webhooks over the network", () => {
  it("sends method, headers and body, and reads what comes back", async () => {
    const url = await listen((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method, url: path, headers } = request;
        response.setHeader("set-cookie", ["a=1", "b=2"]);
        response.writeHead(418, { "x-answer": "yes" });
        response.end(JSON.stringify([method, path, headers["x-word"], Buffer.concat(chunks).toString()]));
      });
    });
    const answer = await createHttpWebhook()(`${url}/a?b=c`, post('{"ü":1}'));
    expect(answer.status).toBe(418);
    expect(JSON.parse(await answer.text())).toEqual(["POST", "/a?b=c", "heard", '{"ü":1}']);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(answer.headers.get("X-Answer")).toBe("yes");
    expect([...answer.headers]).toContainEqual(["x-answer", "yes"]);
    expect([...answer.headers].filter(([name]) => name === "set-cookie")).toHaveLength(2);
  });

  it("uses a connection again", async () => {
    let connections = 0;
    const url = await listen((_, response) => response.end("ok"));
    server?.on("connection", () => (connections += 1));
    const call = createHttpWebhook();
    for (let turn = 0; turn < 3; turn += 1) expect(await (await call(url, post())).text()).toBe("ok");
    expect(connections).toBe(1);
  });

  it("sends no body with an empty one", async () => {
    const url = await listen((request, response) => {
      response.end(`${String(request.method)} ${String(request.headers["content-length"])}`);
    });
    const call = createHttpWebhook();
    expect(await (await call(url, { ...post(""), method: "GET" })).text()).toBe("GET undefined");
    expect(await (await call(url, post(""))).text()).toBe("POST 0");
  });

  it.each([
    ["gzip", gzipSync("squeezed")],
    ["deflate", deflateSync("squeezed")],
    ["br", brotliCompressSync("squeezed")],
    ["deflate, gzip", gzipSync(deflateSync("squeezed"))],
    ["identity", Buffer.from("squeezed")],
  ])("reads an answer in %s", async (encoding, body) => {
    const url = await listen((_, response) => {
      response.writeHead(200, { "content-encoding": encoding });
      response.end(body);
    });
    expect(await (await createHttpWebhook()(url, post())).text()).toBe("squeezed");
  });

  it("takes a redirect for the answer that it is", async () => {
    const url = await listen((_, response) => {
      response.writeHead(302, { location: "/elsewhere" });
      response.end("moved");
    });
    const answer = await createHttpWebhook()(url, post());
    expect([answer.status, await answer.text()]).toEqual([302, "moved"]);
  });

  it("ends with the signal, before the answer and within it", async () => {
    const controller = new AbortController();
    const url = await listen((request, response) => {
      if (request.url === "/within") response.write("half");
      else controller.abort(new Error("too late"));
    });
    const call = createHttpWebhook();
    await expect(call(url, post("{}", controller.signal))).rejects.toThrow();
    const second = new AbortController();
    const answer = await call(`${url}/within`, post("{}", second.signal));
    const text = answer.text();
    second.abort(new Error("too late"));
    await expect(text).rejects.toThrow();
  });

  it.each(["http://127.0.0.1:1/", "no address", "ftp://127.0.0.1/"])("fails on %s", async (url) => {
    await expect(createHttpWebhook()(url, post())).rejects.toThrow();
  });
});
