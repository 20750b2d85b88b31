import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { endToEnd } from "../upstream/headers.ts";
import type { UpstreamAnswer } from "../upstream/types.ts";
import type { Refused } from "../stage.ts";
import { refusalBody } from "./refusal.ts";

/** Head and body of a refusal, with the answer left open; undefined when there is nobody to answer any more. */
export const startRefusal = (
  response: ServerResponse,
  refused: Refused,
  headers: Readonly<Record<string, string>> = {},
  batchSize?: number,
): number | undefined => {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return undefined;
  }
  const body = refusalBody(refused, batchSize);
  const bytes = Buffer.byteLength(body);
  response.writeHead(refused.status, {
    ...headers,
    ...refused.headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": bytes,
  });
  response.write(body);
  return bytes;
};

/** Answers with an error of the gateway's own; returns the bytes that were sent. */
export const sendRefusal = (...given: Parameters<typeof startRefusal>): number => {
  const bytes = startRefusal(...given);
  if (bytes === undefined) return 0;
  given[0].end();
  return bytes;
};

/** The answer with another text; what described the old one goes. */
export const withText = ({ status, headers }: UpstreamAnswer, text: string): UpstreamAnswer => {
  const { "content-encoding": _encoding, "content-length": _length, etag: _etag, ...kept } = headers;
  return { status, headers: kept, body: text };
};

/**
 * Passes an answer on as it comes, at the pace at which the client reads; resolves with the bytes of its body. `begun` is
 * what somebody has read of the body before.
 */
export const sendAnswer = (
  response: ServerResponse,
  answer: UpstreamAnswer,
  headers: Readonly<Record<string, string>>,
  begun?: Buffer,
): Promise<number> => {
  const { body } = answer;
  const passed = { ...endToEnd(answer.headers), ...headers };
  if (typeof body === "string" || Buffer.isBuffer(body)) {
    const bytes = Buffer.byteLength(body);
    response.writeHead(answer.status, { ...passed, "content-length": bytes });
    response.end(body);
    return Promise.resolve(bytes);
  }
  response.writeHead(answer.status, passed);
  let bytes = begun?.length ?? 0;
  if (begun !== undefined) response.write(begun);
  if (body.readableEnded) {
    response.end();
    return Promise.resolve(bytes);
  }
  body.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  return new Promise((resolve) => {
    // A failure midway leaves the client with a body cut short, which is all that can be said once the head is out.
    pipeline(body, response, () => resolve(bytes));
  });
};
