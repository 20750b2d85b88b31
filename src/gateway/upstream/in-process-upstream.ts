import { UpstreamTimeout } from "./timeout.ts";
import type { InProcessUpstream, UpstreamPort } from "./types.ts";

const within = <T>(timeoutMs: number, signal: AbortSignal, work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new UpstreamTimeout("no answer in time")), timeoutMs);
    // Nobody waits any more; what the engine has begun it ends.
    const onAbort = (): void => reject(new Error("the request was given up"));
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    });
  });

/** The embedded engine behind the port that a Hasura behind an address has too. */
export const createInProcessUpstream = (
  { engine, isHealthy }: InProcessUpstream,
  timeoutMs: number,
): UpstreamPort => ({
  send: async ({ headers, text, method, signal }) => {
    if (method !== "POST") {
      const body = '{"error":"resource does not exist","path":"$","code":"not-found"}';
      return { status: 404, headers: { "content-type": "application/json; charset=utf-8" }, body };
    }
    const answer = await within(
      timeoutMs,
      signal,
      engine.answer(headers as Readonly<Record<string, string>>, text),
    );
    return {
      status: 200,
      headers: {
        "content-type": "application/json; charset=utf-8",
        ...(answer.setCookies.length === 0 ? {} : { "set-cookie": [...answer.setCookies] }),
      },
      body: answer.text,
    };
  },
  open: (protocol, headers, events) => {
    let isOpen = true;
    const end = (code: number, reason: string): void => {
      if (!isOpen) return;
      isOpen = false;
      events.closed(code, reason);
      session.closed();
    };
    const session = engine.openSocket(
      {
        protocol,
        get bufferedAmount() {
          return events.unread();
        },
        send: (text) => {
          if (isOpen) events.message(text);
        },
        close: end,
        terminate: () => end(1013, "the client does not read"),
      },
      headers,
    );
    return {
      send: (text) => {
        if (isOpen) session.message(text);
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        session.closed();
      },
      // The engine asks how much is unread before it sends.
      pause: () => undefined,
      resume: () => undefined,
    };
  },
  administer: (request, response) => engine.handler(request, response),
  isHealthy,
  stop: () => undefined,
});
