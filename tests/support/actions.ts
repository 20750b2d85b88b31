import { createActionsApp } from "../../actions/app.ts";
import { type Delivery, idleDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { closeServer, listen, portOf } from "../../src/cli/listen.ts";
import { type Database, silentLogger, systemClock } from "../../src/core/index.ts";
import { createGate } from "../../src/domain/gate/index.ts";
import { repeatContention } from "../../src/postgres/index.ts";

export const actionSecret = "a-secret-of-the-tests";

export interface RunningActions {
  readonly url: string;
  call(
    action: string,
    input: object,
    session: Readonly<Record<string, string>>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  stop(): Promise<void>;
}

/** The real actions app on a free loopback port. */
export async function startActions(
  given: Database,
  delivery: Delivery = idleDelivery,
): Promise<RunningActions> {
  const database = repeatContention(given);
  const app = createActionsApp({
    database,
    delivery,
    gate: createGate({ database, clock: systemClock }),
    clock: systemClock,
    logger: silentLogger,
    registry,
    secret: actionSecret,
  });
  const server = await listen("actions", app, 0, "127.0.0.1");
  const url = `http://127.0.0.1:${String(portOf(server))}`;
  const post: RunningActions["post"] = (path, body, headers = { "x-action-secret": actionSecret }) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    url,
    post,
    call: async (action, input, session) => {
      const response = await post(`/actions/${action}`, {
        action: { name: action },
        input,
        session_variables: session,
        request_query: "",
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    stop: () => closeServer(server, 0),
  };
}
