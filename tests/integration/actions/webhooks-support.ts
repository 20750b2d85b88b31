import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "@jest/globals";
import {
  createDelivery,
  type DeliveryDeps,
  type DeliveryWorkers,
  readDeliverySettings,
} from "../../../actions/delivery/index.ts";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type Answer, type Receiver, startReceiver } from "../../support/receiver.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";

export let test: TestDatabase;
export let workspace: Workspace;
export let session: Readonly<Record<string, string>>;
export const cleanUp: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 20 });
});
afterAll(() => test.drop());

/** The admin of a new workspace is who asks from here on. */
export const enterNewWorkspace = async (): Promise<void> => {
  workspace = await createWorkspace(test.database);
  session = {
    "x-hasura-role": "workspace_admin",
    "x-hasura-user-id": workspace.owner,
    "x-hasura-workspace-id": workspace.id,
  };
};

beforeEach(enterNewWorkspace);
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

export const local = { WEBHOOK_ALLOW_PRIVATE: "true", WEBHOOK_ALLOW_HTTP: "true" };

/** Workers whose retries come at once, unless the case says otherwise. */
export const startWorkers = (
  env: Readonly<Record<string, string>> = local,
  options: Partial<DeliveryDeps> = {},
): DeliveryWorkers => {
  const delivery = createDelivery({
    database: test.database,
    clock: systemClock,
    logger: silentLogger,
    settings: readDeliverySettings(env),
    retryDelaysMs: [0, 0, 0],
    ...options,
  });
  delivery.start();
  cleanUp.push(() => delivery.stop());
  return delivery;
};

export const serve = async (delivery: DeliveryWorkers): Promise<RunningActions> => {
  const actions = await startActions(test.database, delivery);
  cleanUp.push(() => actions.stop());
  return actions;
};

export const receive = async (answer?: Answer): Promise<Receiver> => {
  const receiver = await startReceiver(answer);
  cleanUp.push(() => receiver.stop());
  return receiver;
};

export const ask = async (
  actions: RunningActions,
  action: string,
  input: object,
): Promise<Record<string, string>> => {
  const { status, body } = await actions.call(action, input, session);
  expect({ action, status, body }).toMatchObject({ status: 200 });
  return body as Record<string, string>;
};

export const register = (actions: RunningActions, url: string, more: object = {}) =>
  ask(actions, "createWebhook", { workspaceId: workspace.id, url, ...more });

export interface Delivered {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
}

export const deliveriesOf = (endpointId: string) =>
  test.database.query<Delivered>(
    `select id, status, attempts, response_status as "responseStatus", error
     from usage.webhook_deliveries
     where endpoint_id = $1
     order by created_at`,
    [endpointId],
  );

export const settled = (endpointId: string): Promise<Delivered> =>
  waitFor("the delivery to be settled", async () =>
    (await deliveriesOf(endpointId)).find(({ status }) => status !== "pending"),
  );

export const attemptsOf = (deliveryId: string) =>
  test.database.query<{ attempt: number; response_status: number | null; error: string | null }>(
    `select attempt, response_status, error
     from usage.webhook_attempts
     where delivery_id = $1
     order by attempt`,
    [deliveryId],
  );

export const endpoint = async (endpointId: string) => {
  const [row] = await test.database.query<{ enabled: boolean; reason: string | null; failing: boolean }>(
    `select enabled, disabled_reason as reason, failing_since is not null as failing
     from usage.webhook_endpoints
     where id = $1`,
    [endpointId],
  );
  return row;
};

export const eventOf = (alertId: string, eventId: string = randomUUID()) => ({
  id: eventId,
  created_at: "2026-01-01T00:00:00",
  table: { schema: "usage", name: "alerts" },
  trigger: { name: "usage_alert_raised" },
  event: { op: "INSERT", data: { old: null, new: { id: alertId } }, session_variables: null },
  delivery_info: { current_retry: 0, max_retries: 10 },
});

export const raise = async (kind: "crossed" | "recovered" = "crossed"): Promise<string> => {
  const [row] = await test.database.query<{ id: string }>(
    `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value, kind)
     values ($1, 'ai_queries', now(), 75, 9007199254740993, 9007199254740995, $2)
     returning id`,
    [workspace.id, kind],
  );
  return row?.id ?? "";
};

export const post = async (actions: RunningActions, event: object): Promise<unknown> => {
  const response = await actions.post("/events/usage_alert_raised", event);
  expect(response.status).toBe(200);
  return response.json();
};
