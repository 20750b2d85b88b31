import express, { type Express, type RequestHandler } from "express";
import { closeServer, listen, portOf } from "../../../src/cli/listen.ts";
import { type Database, type Logger, silentLogger, systemClock } from "../../../src/core/index.ts";
import { createGate, type Gate } from "../../../src/domain/gate/index.ts";
import {
  createPlanGates,
  type GateEvent,
  type PlanGates,
  type PlanGatesDeps,
  type Refusal,
} from "../../../src/gateway/plan-gates/index.ts";

export interface RunningGates {
  readonly url: string;
  readonly gates: PlanGates;
  readonly events: readonly GateEvent[];
  readonly warnings: readonly object[];
  stop(): Promise<void>;
}

export interface RunningGatesOptions extends Partial<PlanGatesDeps> {
  readonly database: Database;
  readonly routes: (app: Express, gates: PlanGates) => void;
}

/** Stands for the session of an adopter: its verified session is the header `x-session` here. */
export const startGates = async ({
  database,
  routes,
  ...deps
}: RunningGatesOptions): Promise<RunningGates> => {
  const events: GateEvent[] = [];
  const warnings: object[] = [];
  const logger: Logger = { ...silentLogger, warn: (context) => void warnings.push(context) };
  const gate: Gate = deps.gate ?? createGate({ database, clock: systemClock });
  const gates = createPlanGates({
    database,
    gate,
    clock: systemClock,
    logger,
    workspaceOf: (request) => request.header("x-session") ?? null,
    upgradeUrl: "https://example.com/upgrade",
    onDecision: (event) => void events.push(event),
    ...deps,
  });
  const app = express();
  routes(app, gates);
  const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
    if (response.headersSent) response.destroy();
    else response.status(500).json({ code: (error as { code?: string }).code ?? "thrown" });
  };
  app.use(onError);
  const server = await listen("gates", app, 0, "127.0.0.1");
  return {
    url: `http://127.0.0.1:${String(portOf(server))}`,
    gates,
    events,
    warnings,
    stop: () => closeServer(server, 0),
  };
};

export const ok: RequestHandler = (_request, response) => void response.json({ ok: true });

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Partial<Refusal> & { readonly upgradeUrl?: string; readonly ok?: boolean };
}

export const ask = async (url: string, session: string | null, init: RequestInit = {}): Promise<Answered> => {
  const response = await fetch(url, {
    ...init,
    headers: { ...init.headers, ...(session === null ? {} : { "x-session": session }) },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answered["body"],
  };
};
