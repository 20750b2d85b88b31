import { request } from "node:http";
import { connect } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** Names and values in their order, spelt as given and as often as given. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** A POST to `/v1/graphql` whose headers go out exactly as they are written here, which `fetch` would not do. */
export const postRaw = (
  url: string,
  headers: RawHeaders,
  body: string | Buffer,
  path = "/v1/graphql",
  ownHeaders: RawHeaders = [["content-type", "application/json"]],
): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const target = new URL(path, url);
    const outgoing = request(
      target,
      {
        method: "POST",
        agent: false,
        headers: [
          ["host", target.host],
          ...ownHeaders,
          ["content-length", String(Buffer.byteLength(body))],
          ["connection", "close"],
          ...headers,
        ].flat(),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString("utf8"),
          });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });

export interface RawConnection {
  /** What has come in up to now. */
  readonly received: string;
  readonly isClosed: boolean;
  write(text: string | Buffer): void;
  destroy(): void;
}

/** A TCP connection for what no HTTP client would send. */
export const connectRaw = (url: string): RawConnection => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  let isClosed = false;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  // A server that cuts the connection off while something is being written: what counts is that it is closed.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
  });
  return {
    get received() {
      return received;
    },
    get isClosed() {
      return isClosed;
    },
    write: (text) => {
      socket.write(text);
    },
    destroy: () => {
      socket.destroy();
    },
  };
};

/** Status, code and whole body of the first answer on a connection that the server has closed. */
export const readRaw = (received: string): { readonly status: number; readonly body: string } => {
  const [head = "", ...rest] = received.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), body: rest.join("\r\n\r\n") };
};
