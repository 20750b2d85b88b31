import { connect, type Socket } from "node:net";

import { quantile } from "./statistics.ts";

export interface LoadRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface LoadTarget {
  readonly port: number;
  readonly path: string;
  /** What the next request says. */
  readonly next: () => LoadRequest;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const requestBytes = (target: LoadTarget): Buffer => {
  const request = target.next();
  const body = Buffer.from(request.body);
  const head = [
    `POST ${target.path} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/json",
    `content-length: ${String(body.length)}`,
    ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`),
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(head), body]);
};

const headEnd = Buffer.from("\r\n\r\n");
const errorMark = Buffer.from('"errors"');

/** One keep-alive connection that asks again as soon as it is answered. A bare socket: the server is to be the slow side. */
const runConnection = (target: LoadTarget, until: number, latencies: number[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect({ port: target.port, host: "127.0.0.1", noDelay: true });
    let received: Buffer = Buffer.alloc(0);
    let bodyStart = -1;
    let expected = Number.POSITIVE_INFINITY;
    let sentAt = 0;
    const send = (): void => {
      received = Buffer.alloc(0);
      bodyStart = -1;
      expected = Number.POSITIVE_INFINITY;
      sentAt = performance.now();
      socket.write(requestBytes(target));
    };
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(`${target.path} on port ${String(target.port)}: ${reason}`));
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server closed a connection")));
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (bodyStart < 0) {
        const at = received.indexOf(headEnd);
        if (at < 0) return;
        const head = received.subarray(0, at).toString("latin1");
        const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
        if (length === undefined || !head.startsWith("HTTP/1.1 200")) {
          fail(received.toString().slice(0, 400));
          return;
        }
        bodyStart = at + headEnd.length;
        expected = bodyStart + Number(length);
      }
      if (received.length < expected) return;
      if (received.subarray(bodyStart, bodyStart + 64).includes(errorMark)) {
        fail(received.subarray(bodyStart).toString().slice(0, 400));
        return;
      }
      const now = performance.now();
      latencies.push(now - sentAt);
      if (now < until) {
        send();
        return;
      }
      socket.removeAllListeners("close");
      socket.end();
      resolve();
    });
  });

/** Keeps `connections` requests in flight for `durationMs`. An answer with errors ends the measurement. */
export const loadFor = async (
  target: LoadTarget,
  options: { readonly connections: number; readonly durationMs: number },
): Promise<LoadResult> => {
  const latencies: number[] = [];
  const from = performance.now();
  const until = from + options.durationMs;
  await Promise.all(
    Array.from({ length: options.connections }, () => runConnection(target, until, latencies)),
  );
  const seconds = (performance.now() - from) / 1000;
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
};
