import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, type Logger, requestIdOf } from "../../core/index.ts";
import type { Identity } from "../identity/types.ts";
import type { GatewayRequest, Outcome, Refused } from "../stage.ts";
import { detailBody } from "../refusals/error-details.ts";
import { peekAnswer } from "../refusals/peek-answer.ts";
import { UpstreamTimeout } from "../upstream/timeout.ts";
import { upstreamHeaders } from "../upstream/headers.ts";
import type { UpstreamAnswer, UpstreamPort } from "../upstream/types.ts";
import { bodyText } from "./body-text.ts";
import type { ClientAddress } from "./client-address.ts";
import { identifyOrRefuse } from "./identify.ts";
import type { ReadShape } from "./operation-shape.ts";
import { readOperations } from "./read-operations.ts";
import { readBody } from "./read-body.ts";
import { refuseUnread } from "./refuse-unread.ts";
import { refusals } from "./refusal.ts";
import { sendAnswer, sendRefusal, withText } from "./respond.ts";
import type { RunStages } from "./run-stages.ts";
import type { NoteTurnedAway } from "./turned-away.ts";

export interface GraphqlHandlerDeps {
  readonly identity: Identity;
  readonly runStages: RunStages;
  readonly noteTurnedAway: NoteTurnedAway;
  readonly send: UpstreamPort["send"];
  readonly readShape: ReadShape;
  readonly addressOf: ClientAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bodyLimitBytes: number;
  readonly upstreamTimeoutMs: number;
}

const codePattern = /^\s*\[?\s*\{\s*"errors"[^]{0,4000}?"code"\s*:\s*"([a-z0-9-]{1,64})"/u;

/** For counting: the code that comes first in a body of errors. */
const firstCode = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : codePattern.exec(text)?.[1];

const upstreamRefusal = (error: unknown, timeoutMs: number): Refused =>
  error instanceof UpstreamTimeout ? refusals.upstreamSlow(timeoutMs) : refusals.upstreamDown;

/** Identity, body, stages, upstream: the way of every GraphQL request over HTTP. */
export const createGraphqlHandler = (deps: GraphqlHandlerDeps) => {
  const { clock, logger, bodyLimitBytes } = deps;

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const receivedAt = clock.now();
    const startedAt = performance.now();
    const address = deps.addressOf(request);
    const identified = await identifyOrRefuse(deps.identity, request, address, logger);
    if ("refused" in identified) {
      deps.noteTurnedAway("identity", identified.refused, { request });
      refuseUnread(request, response, identified.refused, clock);
      return;
    }
    const { caller } = identified;
    const read = await readBody(request, bodyLimitBytes);
    if (read.kind === "gone") return;
    if (read.kind === "too-large") {
      const refused = refusals.bodyTooLarge(bodyLimitBytes);
      deps.noteTurnedAway("body", refused, { request, caller });
      refuseUnread(request, response, refused, clock);
      return;
    }
    const decoded = bodyText(read.body, request.headers, bodyLimitBytes);
    if (decoded.kind !== "text") {
      const refused =
        decoded.kind === "too-large" ? refusals.bodyTooLarge(bodyLimitBytes) : refusals.bodyUnreadable;
      deps.noteTurnedAway("body", refused, { request, caller });
      sendRefusal(response, refused);
      return;
    }

    const parsed = readOperations(decoded.text, deps.readShape);
    if (parsed === "twice") {
      deps.noteTurnedAway("body", refusals.bodyAmbiguous, { request, caller });
      sendRefusal(response, refusals.bodyAmbiguous);
      return;
    }
    const target = request.url ?? "/";
    const asked: GatewayRequest = {
      id: requestIdOf(request.headers) ?? randomUUID(),
      caller,
      protocol: "http",
      path: target.split("?", 1)[0] ?? target,
      headers: request.headers,
      receivedAt,
      bytesIn: read.body.length,
      operations: parsed.operations,
    };
    const stages = await deps.runStages(asked);
    const settle = (outcome: Pick<Outcome, "status" | "code" | "refusedBy" | "bytesOut">): void => {
      const latencyMs = performance.now() - startedAt;
      stages.settle({ ...outcome, latencyMs, bytesIn: asked.bytesIn });
    };
    const refuseWith = (refused: Refused, refusedBy: string | undefined): void => {
      const batchSize = parsed.isBatch ? asked.operations.length : undefined;
      const bytesOut = sendRefusal(response, refused, stages.headers, batchSize);
      settle({ status: refused.status, code: refused.code, refusedBy, bytesOut });
    };
    if (stages.refused !== undefined) {
      refuseWith(stages.refused, stages.refused.by);
      return;
    }

    const gone = new AbortController();
    const onClose = (): void => {
      if (!response.writableFinished) gone.abort();
    };
    response.once("close", onClose);
    const { deadline } = stages;
    let isOverdue = false;
    const cancelDeadline =
      deadline === undefined
        ? undefined
        : clock.schedule(deadline.ms, () => {
            isOverdue = true;
            gone.abort();
          });
    let answer: UpstreamAnswer;
    let errors: string | undefined;
    let begun: Buffer | undefined;
    try {
      const sent = await deps.send({
        method: request.method ?? "POST",
        target,
        headers: upstreamHeaders(request.headers, identified.upstreamHeaders, {
          address,
          encrypted: "encrypted" in request.socket,
        }),
        body: read.body,
        text: decoded.text,
        repeatable: asked.operations.every(({ type }) => type === "query"),
        signal: gone.signal,
      });
      const peeked = await peekAnswer(sent, deps.upstreamTimeoutMs);
      ({ answer, begun } = peeked);
      errors = peeked.text;
      const detailed = errors === undefined ? undefined : detailBody(errors);
      if (detailed !== undefined) {
        errors = detailed;
        answer = withText(answer, detailed);
      }
    } catch (error) {
      if (isOverdue && deadline !== undefined) {
        refuseWith(deadline.refusal, undefined);
        return;
      }
      const refused = upstreamRefusal(error, deps.upstreamTimeoutMs);
      if (!gone.signal.aborted) logger.error({ err: error, requestId: asked.id }, "the upstream failed");
      refuseWith(refused, undefined);
      return;
    } finally {
      cancelDeadline?.();
    }
    const bytesOut = await sendAnswer(response, answer, stages.headers, begun);
    settle({ status: answer.status, code: firstCode(errors), refusedBy: undefined, bytesOut });
  };
};
