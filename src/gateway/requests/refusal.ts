import type { Refused } from "../stage.ts";

/** One member of `errors`. */
export interface GraphQLErrorBody {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>>;
}

export const refusalError = ({ message, code, extensions }: Omit<Refused, "status">): GraphQLErrorBody => ({
  message,
  extensions: { path: "$", code, ...extensions },
});

/** A list of refusals is not to be many times as long as the list of requests. */
const mostAnswers = 100;

/** The answer to a refused request: for a batch one error for each of its requests. */
export const refusalBody = (refused: Refused, batchSize: number | undefined): string => {
  const one = JSON.stringify({ errors: [refusalError(refused)] });
  return batchSize === undefined
    ? one
    : `[${Array<string>(Math.min(mostAnswers, Math.max(1, batchSize)))
        .fill(one)
        .join(",")}]`;
};

export const refuse = (
  status: number,
  code: string,
  message: string,
  more: Pick<Refused, "headers" | "extensions"> = {},
): Refused => ({ allowed: false, status, code, message, ...more });

/** Codes of the gateway itself; those of stages are the stages' own. */
export const refusals = {
  bodyTooLarge: (limitBytes: number): Refused =>
    refuse(413, "payload-too-large", `the request body is larger than ${String(limitBytes)} bytes`),
  headersTooLarge: refuse(431, "invalid-headers", "the headers of the request are too large"),
  requestSlow: refuse(408, "request-timeout", "the request did not come in time"),
  notHttp: refuse(400, "bad-request", "the request is no HTTP"),
  bodyAmbiguous: refuse(400, "bad-request", "a member of the request stands in it twice"),
  bodyUnreadable: refuse(400, "bad-request", "the request body could not be read"),
  upstreamDown: refuse(502, "upstream-unavailable", "the engine is not available"),
  upstreamSlow: (limitMs: number): Refused =>
    refuse(504, "upstream-timeout", `the engine did not answer within ${String(limitMs / 1000)} s`),
  internal: refuse(500, "unexpected", "internal error"),
  stopping: refuse(503, "gateway-stopping", "the gateway is stopping", { headers: { "retry-after": "1" } }),
} as const;
