import { type IncomingMessage } from "node:http";
import express, { type ErrorRequestHandler, type RequestHandler, Router } from "express";
import { AppError, type Logger } from "../../core/index.ts";
import { type TrackCaller, type Tracker, type TrackReport } from "../../domain/analytics/index.ts";
import { type Caller } from "../caller.ts";
import { refuse } from "../requests/refusal.ts";
import { sendRefusal } from "../requests/respond.ts";
import { callerOf } from "../routes.ts";
import { type Refused } from "../stage.ts";
import { readEvents } from "./read-events.ts";

export interface TrackRouterDeps {
  readonly tracker: Tracker;
  readonly logger: Logger;
  /** Of a body as it unfolds. */
  readonly bodyLimitBytes?: number;
  /** Who asks; the gateway's own answer unless a test has another. */
  readonly callerOf?: (request: IncomingMessage) => Caller;
}

/** Where the gateway mounts it. */
export const trackPath = "/api/analytics/track";

const defaultBodyLimitBytes = 5 * 1024 * 1024;

/** What a workspace API key must be allowed. */
const scope = "events:write";

const refusals = {
  unauthenticated: refuse(401, "unauthenticated", "events are taken from known callers only"),
  noWorkspace: refuse(403, "workspace-forbidden", "these credentials belong to no workspace"),
  scope: refuse(403, "scope-missing", `this API key lacks the scope ${scope}`),
  empty: refuse(400, "bad-request", "there is no event in the body"),
  method: refuse(405, "method-not-allowed", "events are posted", { headers: { allow: "POST" } }),
  idempotencyKey: refuse(400, "bad-request", "an Idempotency-Key has 1 to 200 printable characters"),
} as const;

const trackCallerOf = (caller: Caller): TrackCaller | Refused => {
  if (caller.kind === "anonymous") return refusals.unauthenticated;
  if (caller.kind === "service" && !caller.scopes.has(scope)) return refusals.scope;
  if (caller.workspaceId === undefined) return refusals.noWorkspace;
  return { workspaceId: caller.workspaceId, userId: caller.userId ?? null };
};

const keyShape = /^[\x21-\x7e]{1,200}$/u;

/** The scaffold's fields, and what became of each event. */
const bodyOf = ({ accepted, duplicates, invalid, outcomes }: TrackReport): object => ({
  success: invalid === 0,
  tracked: accepted,
  duplicates,
  failed: invalid,
  ...(invalid === 0
    ? {}
    : { invalidIndices: outcomes.flatMap(({ status, index }) => (status === "invalid" ? [index] : [])) }),
  message: `${String(accepted)} stored, ${String(duplicates)} known already, ${String(invalid)} invalid`,
  results: outcomes,
});

const statusOf: Partial<Readonly<Record<AppError["kind"], number>>> = {
  "invalid-input": 400,
  forbidden: 403,
  unavailable: 503,
};

const refusalOf = (error: AppError): Refused => {
  if (error.code === "batch-too-large") return refuse(413, error.code, error.message);
  if (error.kind === "unavailable")
    return refuse(
      503,
      error.code,
      "the events could not be stored for certain; send them again, none will be stored twice",
      {
        headers: { "retry-after": "1" },
      },
    );
  return refuse(statusOf[error.kind] ?? 500, error.code, error.message);
};

interface BodyError {
  readonly status: number;
  /** What the parser found; a stream that cannot be unpacked has none. */
  readonly type?: string;
}

const isBodyError = (error: unknown): error is BodyError =>
  typeof error === "object" &&
  error !== null &&
  "status" in error &&
  typeof error.status === "number" &&
  error.status < 500;

const bodyRefusal = ({ type }: BodyError, limitBytes: number): Refused => {
  switch (type) {
    case "entity.too.large":
      return refuse(413, "payload-too-large", `a body may unfold to ${String(limitBytes)} bytes`);
    case "encoding.unsupported":
      return refuse(415, "unsupported-encoding", "the content encodings are gzip, deflate and br");
    default:
      return refuse(400, "bad-request", "the body could not be read");
  }
};

/** `POST /api/analytics/track`: plain events and CloudEvents 1.0, one or many, each answered for itself. */
export const createTrackRouter = (deps: TrackRouterDeps): Router => {
  const { tracker, logger, bodyLimitBytes = defaultBodyLimitBytes } = deps;
  const whoAsks = deps.callerOf ?? callerOf;
  const router = Router();

  // Nobody's megabytes are read before it is known whose they are.
  const identified: RequestHandler = (request, response, next) => {
    const caller = trackCallerOf(whoAsks(request));
    if ("allowed" in caller) {
      response.setHeader("connection", "close");
      sendRefusal(response, caller);
      return;
    }
    response.locals["caller"] = caller;
    next();
  };

  const track: RequestHandler = async (request, response) => {
    const idempotencyKey = request.header("idempotency-key");
    if (idempotencyKey !== undefined && !keyShape.test(idempotencyKey)) {
      sendRefusal(response, refusals.idempotencyKey);
      return;
    }
    const body: unknown = request.body;
    const read = readEvents(request.headers, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    if ("refused" in read) {
      sendRefusal(response, read.refused);
      return;
    }
    if (read.events.length === 0) {
      sendRefusal(response, refusals.empty);
      return;
    }
    const report = await tracker.track(response.locals["caller"] as TrackCaller, read.events, {
      idempotencyKey,
      shape: read.shape,
    });
    response.set("cache-control", "no-store").json(bodyOf(report));
  };

  const failed: ErrorRequestHandler = (error: unknown, _request, response, next) => {
    if (isBodyError(error)) {
      response.setHeader("connection", "close");
      sendRefusal(response, bodyRefusal(error, bodyLimitBytes));
      return;
    }
    if (!(error instanceof AppError)) {
      next(error);
      return;
    }
    if (error.kind === "unavailable")
      logger.error({ err: error, code: error.code }, "events could not be stored");
    sendRefusal(response, refusalOf(error));
  };

  router.post("/", identified, express.raw({ type: () => true, limit: bodyLimitBytes }), track);
  router.all("/", (_request, response) => {
    sendRefusal(response, refusals.method);
  });
  router.use(failed);
  return router;
};
