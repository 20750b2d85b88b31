import { pipeline } from "node:stream";
import { Agent as HttpAgent, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { endToEnd } from "./headers.ts";
import { UpstreamTimeout } from "./timeout.ts";
import type { UpstreamAnswer, UpstreamPort, UpstreamRequest } from "./types.ts";
import { openUrlSocket } from "./url-socket.ts";

export interface HttpUpstreamOptions {
  readonly url: string;
  /** Until the head of the answer. */
  readonly timeoutMs: number;
}

const healthTimeoutMs = 5_000;
/** A Hasura or a balancer in front of it closes idle connections after some seconds more. */
const idleMs = 4_000;

/** Connections to a Hasura, kept open between requests. */
export const createHttpUpstream = ({ url, timeoutMs }: HttpUpstreamOptions): UpstreamPort => {
  const base = new URL(url);
  const isEncrypted = base.protocol === "https:";
  const agentOptions = {
    keepAlive: true,
    keepAliveMsecs: 10_000,
    timeout: idleMs,
    scheduling: "lifo",
  } as const;
  const agent = isEncrypted ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const prefix = base.pathname.replace(/\/$/u, "");
  const open = isEncrypted ? requestHttps : requestHttp;

  const where = {
    protocol: base.protocol,
    hostname: base.hostname.replace(/^\[|\]$/gu, ""),
    port: base.port === "" ? undefined : base.port,
    agent,
  };

  const attempt = (request: UpstreamRequest): Promise<UpstreamAnswer> =>
    new Promise((resolve, reject) => {
      const { method, target, headers, body, signal, repeatable } = request;
      const outgoing = open({
        ...where,
        method,
        path: `${prefix}${target}`,
        headers: { ...headers, host: base.host, "content-length": body.length },
        signal,
      });
      const timer = setTimeout(() => {
        outgoing.destroy(new UpstreamTimeout("no answer in time"));
      }, timeoutMs);
      outgoing.once("response", (answer) => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: answer });
      });
      outgoing.once("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // A kept connection may be closed at the moment it is taken. What may have run once is not sent twice.
        const mayRepeat = repeatable && outgoing.reusedSocket && error.code === "ECONNRESET";
        if (mayRepeat && !signal.aborted) resolve(attempt(request));
        else reject(error);
      });
      outgoing.end(body);
    });

  return {
    send: attempt,
    administer: (request, response, headers) => {
      const outgoing = open({
        ...where,
        method: request.method,
        path: `${prefix}${request.url ?? "/"}`,
        headers: { ...headers, host: base.host },
      });
      outgoing.once("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
        pipeline(answer, response, () => undefined);
      });
      // The pipeline breaks both sides off; the request side has ended when the answer came.
      pipeline(request, outgoing, (error) => {
        if (error && !response.headersSent) response.writeHead(502).end();
      });
    },
    open: (protocol, headers, events) => {
      const address = new URL(`${prefix}/v1/graphql`, base);
      address.protocol = isEncrypted ? "wss:" : "ws:";
      return openUrlSocket(address.href, protocol, headers, events);
    },
    isHealthy: async () => {
      try {
        const answer = await fetch(new URL(`${prefix}/healthz`, base), {
          signal: AbortSignal.timeout(healthTimeoutMs),
        });
        await answer.body?.cancel();
        return answer.ok;
      } catch {
        return false;
      }
    },
    stop: () => {
      agent.destroy();
    },
  };
};
