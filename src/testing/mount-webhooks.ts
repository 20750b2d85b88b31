import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import { duplexPair } from "node:stream";

import type { WebhookClient } from "../engine/index.ts";

const handlerFailed = "handler-failed";
const bodyless = new Set([101, 204, 205, 304]);

const toResponse = async (incoming: IncomingMessage): Promise<Response> => {
  const headers = new Headers();
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index] ?? "", incoming.rawHeaders[index + 1] ?? "");
  }
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const status = incoming.statusCode ?? 500;
  return new Response(bodyless.has(status) ? null : Buffer.concat(chunks), { status, headers });
};

/**
 * Answers webhooks by an Express app, or any other listener of node:http, in this process: HTTP is spoken over a pair of
 * streams, so the app sees real requests, and there is no port, no socket and no network.
 */
export const mountWebhooks = (
  listener: RequestListener,
): ((...call: Parameters<WebhookClient>) => Promise<Response>) => {
  const server = createServer((request, response) => {
    const failed = (error: unknown): void => {
      const reason = error instanceof Error ? error : new Error(String(error));
      // Whoever wrote the call's other end is told; the process, and with it the test run, goes on.
      request.socket.emit(handlerFailed, reason);
      request.socket.destroy();
    };
    try {
      // A listener may be an async function, although its type does not say so.
      void Promise.resolve(listener(request, response) as unknown).catch(failed);
    } catch (error) {
      failed(error);
    }
  });
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const [near, far] = duplexPair();
      // The pair hands on an end but not a broken connection, from either side.
      far.once("close", () => {
        if (!far.writableFinished) near.destroy();
      });
      near.once("close", () => far.destroy());
      far.once(handlerFailed, (error: Error) =>
        reject(new Error(`the handler of ${url} threw: ${error.message}`, { cause: error })),
      );
      server.emit("connection", far);
      const { host, pathname, search } = new URL(url);
      const outgoing = httpRequest(
        {
          method,
          path: pathname + search,
          headers: {
            ...headers,
            host,
            connection: "close",
            "content-length": String(Buffer.byteLength(body)),
          },
          signal,
          createConnection: () => near,
        },
        (incoming) => {
          toResponse(incoming).then(resolve, reject);
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
};

/** Fails by name: a test that forgot its handlers must not reach out to whatever the URL says. */
export const refuseWebhooks: WebhookClient = (url) =>
  Promise.reject(new Error(`startTestEngine was given no webhooks, and ${url} was called`));
