import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Clock } from "../../src/core/index.ts";
import {
  AddressNotAllowed,
  type AddressPolicy,
  createGuardedLookup,
  type Refusal,
  refuseUrl,
  type Resolve,
} from "./address-policy.ts";
import { readRetryAfter } from "./retry-schedule.ts";

export type SendError = Refusal | "timeout" | "dns" | "tls" | "connection";

export type Outcome = { readonly durationMs: number } & (
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: "failed"; readonly error: SendError }
);

export interface SenderDeps {
  readonly clock: Clock;
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** From the start until the head of the answer. */
  readonly timeoutMs: number;
}

export type SendWebhook = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
) => Promise<Outcome>;

/** An answer's body means nothing here; so much of it is read that an ordinary one does not see a broken connection. */
const bodyCapBytes = 64 * 1024;
const bodyGraceMs = 2_000;

function drain(response: IncomingMessage, clock: Clock): void {
  const cancel = clock.schedule(bodyGraceMs, () => response.destroy());
  let seen = 0;
  response.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (seen > bodyCapBytes) response.destroy();
  });
  response.on("error", () => undefined);
  response.once("close", cancel);
}

function classify(error: Error): SendError {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error instanceof AddressNotAllowed) return error.code;
  if (error.name === "TimeoutError" || error.name === "AbortError") return "timeout";
  if (/^(?:ENOTFOUND|EAI_|ENODATA)/u.test(code)) return "dns";
  if (/CERT|SSL|TLS|SELF_SIGNED|EPROTO/u.test(code)) return "tls";
  return "connection";
}

/**
 * One POST. Redirects are answers like any other, no proxy is used, nothing is kept open: each call resolves and checks
 * its address anew.
 */
export const createSendWebhook =
  ({ clock, policy, resolve, timeoutMs }: SenderDeps): SendWebhook =>
  (text, headers, body) => {
    const startedAt = performance.now();
    const durationMs = (): number => Math.round(performance.now() - startedAt);
    const refusal = refuseUrl(text, policy);
    if (refusal !== null) return Promise.resolve({ kind: "failed", error: refusal, durationMs: 0 });
    const url = new URL(text);
    return new Promise((settle) => {
      const controller = new AbortController();
      const cancel = clock.schedule(timeoutMs, () => {
        controller.abort();
      });
      const send = url.protocol === "https:" ? httpsRequest : httpRequest;
      const outgoing = send(url, {
        method: "POST",
        agent: false,
        lookup: createGuardedLookup(policy, resolve),
        signal: controller.signal,
        headers: {
          ...headers,
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(body)),
          "user-agent": "hasura-usage-webhooks/1",
        },
      });
      outgoing.once("response", (response) => {
        cancel();
        settle({
          kind: "answered",
          status: response.statusCode ?? 0,
          retryAfterMs: readRetryAfter(response.headers["retry-after"], clock.now()),
          durationMs: durationMs(),
        });
        drain(response, clock);
      });
      // Stays for good: a connection may break after the answer as well.
      outgoing.on("error", (error) => {
        cancel();
        settle({ kind: "failed", error: classify(error), durationMs: durationMs() });
      });
      outgoing.end(body);
    });
  };
