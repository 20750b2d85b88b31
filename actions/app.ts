import express, { type Express, type RequestHandler } from "express";
import { z } from "zod";
import { AppError, createSessionNames, type QueueMeter, type SessionNames } from "../src/core/index.ts";
import { createTracker } from "../src/domain/analytics/index.ts";
import { createAlertQueue } from "./delivery/index.ts";
import { type HandlerDeps } from "./handler.ts";
import { errorHandler } from "./middleware/error-handler.ts";
import { requestId } from "./middleware/request-id.ts";
import { traceWebhook } from "./middleware/trace.ts";
import { webhookSecret } from "./middleware/webhook-secret.ts";
import { type Registry } from "./registry.ts";
import { readSession } from "./session.ts";

export interface ActionsAppDeps extends Omit<HandlerDeps, "alerts" | "tracker"> {
  readonly registry: Registry;
  readonly secret: string;
  /** What the tokens call claims and roles; default the product's own names. */
  readonly sessionNames?: SessionNames | undefined;
  readonly observe?: {
    /** Hears of what waits in memory. */
    readonly meter: QueueMeter;
    /** Sees every request. */
    readonly measure: RequestHandler;
    /** Answers `/metrics`, and decides itself who may ask. */
    readonly metrics: RequestHandler;
  };
}

const actionBody = z.object({
  action: z.object({ name: z.string() }),
  input: z.record(z.string(), z.unknown()),
  session_variables: z.record(z.string(), z.string()),
});

const cronBody = z.object({ name: z.string().optional(), scheduled_time: z.iso.datetime({ offset: true }) });

const eventBody = z.object({
  id: z.string().min(1).max(255),
  trigger: z.object({ name: z.string() }),
  event: z.object({ op: z.string(), data: z.object({ new: z.unknown() }) }),
});

/** First problem of a failed parse as one sentence with its path; the input itself is never echoed. */
function invalidInput(error: z.ZodError): AppError {
  const issue = error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  return new AppError({
    kind: "invalid-input",
    code: "invalid-input",
    message: `${where}${issue?.message ?? "invalid input"}`,
  });
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidInput(parsed.error);
  return parsed.data;
}

function own<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  const handler = Object.hasOwn(table, name) ? table[name] : undefined;
  if (handler === undefined) {
    throw new AppError({ kind: "not-found", code: "not-found", message: `no handler for this ${what}` });
  }
  return handler;
}

/** The webhooks behind Hasura's actions, cron triggers and event triggers. */
export function createActionsApp(given: ActionsAppDeps): Express {
  const { registry, secret, logger, sessionNames = createSessionNames() } = given;
  const shared = { database: given.database, clock: given.clock, meter: given.observe?.meter };
  const deps: HandlerDeps = {
    ...given,
    alerts: createAlertQueue({ ...shared, sendsEmail: given.delivery.sendsEmail }),
    tracker: createTracker(shared),
  };
  const app = express();
  app.disable("x-powered-by");
  app.use(requestId);
  app.get("/healthz", (_request, response) => {
    response.type("text/plain").send("OK");
  });
  if (given.observe !== undefined) {
    app.use(given.observe.measure);
    app.get("/metrics", given.observe.metrics);
  }
  app.use(webhookSecret(secret));
  // A batch of events may be long; every other input is a few fields.
  app.use("/actions/trackEvents", express.json({ limit: "5mb" }));
  app.use(express.json({ limit: "256kb" }));
  // Behind the bodies, whose events come from the connection and not from who asked.
  app.use(traceWebhook);

  app.post("/actions/:name", async (request, response) => {
    const handler = own(registry.actions, request.params.name, "action");
    const body = parse(actionBody, request.body);
    if (body.action.name !== request.params.name) {
      throw new AppError({
        kind: "invalid-input",
        code: "invalid-input",
        message: "action.name differs from the path",
      });
    }
    const startedAt = performance.now();
    const answer = await handler.run(
      parse(handler.input, body.input),
      readSession(body.session_variables, sessionNames),
      deps,
    );
    response.json(answer);
    logger.info(
      {
        requestId: response.locals["requestId"],
        action: body.action.name,
        durationMs: performance.now() - startedAt,
      },
      "action answered",
    );
  });

  app.post("/cron/:name", async (request, response) => {
    const { name } = request.params;
    const handler = own(registry.cron, name, "cron trigger");
    const body = parse(cronBody, request.body);
    const result = await handler({ name, scheduledTime: new Date(body.scheduled_time) }, deps);
    logger.info({ requestId: response.locals["requestId"], cron: name, result }, "cron delivery done");
    response.json(result);
  });

  app.post("/events/:name", async (request, response) => {
    const { name } = request.params;
    const handler = own(registry.events, name, "event trigger");
    const body = parse(eventBody, request.body);
    if (body.trigger.name !== name) {
      throw new AppError({
        kind: "invalid-input",
        code: "invalid-input",
        message: "trigger.name differs from the path",
      });
    }
    const row = parse(handler.row, body.event.data.new);
    const result = await handler.run({ eventId: body.id, row }, deps);
    logger.info({ requestId: response.locals["requestId"], event: name, result }, "event delivery done");
    response.json(result);
  });

  app.use(() => {
    throw new AppError({ kind: "not-found", code: "not-found", message: "no such endpoint" });
  });
  app.use(errorHandler(logger));
  return app;
}
