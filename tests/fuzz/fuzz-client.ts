import { Agent, request } from "node:http";

import { WebSocket } from "ws";

import type { Answer } from "./detectors.ts";

export type RequestHeaders = Readonly<Record<string, string>>;

export interface FuzzClient {
  post(body: Buffer, headers: RequestHeaders): Promise<Answer>;
  /**
   * Subscribes, takes the first message and ends it; undefined when there was nothing to tell. `quiet` resolves when the
   * statement was answered, if it came to one.
   */
  subscribe(payload: string, headers: RequestHeaders, quiet: Promise<unknown>): Promise<Answer | undefined>;
  close(): void;
}

interface Line {
  readonly socket: WebSocket;
  next: number;
}

const opened = (address: string, headers: RequestHeaders): Promise<Line> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${address.replace("http", "ws")}/v1/graphql`, "graphql-transport-ws", {
      headers,
    });
    socket.once("error", reject);
    socket.once("open", () => socket.send('{"type":"connection_init"}'));
    socket.once("message", () => resolve({ socket, next: 1 }));
    socket.once("close", (code) => reject(new Error(`the socket was closed with ${String(code)}`)));
  });

interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

/** Speaks as clients do, over a real socket; the answer is judged elsewhere. */
export const createFuzzClient = (address: string): FuzzClient => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const lines = new Map<string, Promise<Line>>();

  const lineFor = async (headers: RequestHeaders): Promise<Line> => {
    const key = JSON.stringify(headers);
    const known = await lines.get(key);
    if (known?.socket.readyState === WebSocket.OPEN) return known;
    const made = opened(address, headers);
    lines.set(key, made);
    return made;
  };

  return {
    post: (body, headers) =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          `${address}/v1/graphql`,
          {
            method: "POST",
            agent,
            headers: { ...headers, "content-type": "application/json", "content-length": body.length },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("error", reject);
            response.on("end", () => {
              resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
            });
          },
        );
        outgoing.on("error", reject);
        outgoing.end(body);
      }),
    subscribe: async (payload, headers, quiet) => {
      const line = await lineFor(headers);
      const { socket } = line;
      const id = String((line.next += 1));
      return new Promise((resolve, reject) => {
        let answer: Answer | undefined;
        let asked = false;
        /** One ping a subscription: whatever there was to tell has been sent before its pong. */
        const ask = (): void => {
          if (asked) return;
          asked = true;
          socket.send('{"type":"ping"}');
        };
        const answered = (text: string): void => {
          answer ??= { status: 200, text };
          ask();
        };
        const onMessage = (data: Buffer): void => {
          const message = JSON.parse(data.toString()) as Message;
          if (message.type === "pong") {
            socket.off("message", onMessage);
            socket.off("close", onClose);
            socket.send(JSON.stringify({ id, type: "complete" }));
            resolve(answer);
          } else if (message.id === id) {
            if (message.type === "next") answered(JSON.stringify(message.payload));
            else if (message.type === "error") answered(JSON.stringify({ errors: message.payload }));
            else ask();
          }
        };
        const onClose = (code: number): void =>
          reject(new Error(`the socket was closed with ${String(code)}`));
        socket.on("message", onMessage);
        socket.once("close", onClose);
        socket.send(`{"id":"${id}","type":"subscribe","payload":${payload}}`);
        void quiet.then(() => setImmediate(ask));
      });
    },
    close: () => {
      agent.destroy();
      for (const line of lines.values())
        void line.then(
          ({ socket }) => socket.terminate(),
          () => undefined,
        );
    },
  };
};
