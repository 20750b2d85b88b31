import { randomUUID } from "node:crypto";
import { type ServerResponse } from "node:http";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { freePort, startCommand, type StartedCommand } from "../support/start-command.ts";
import { waitFor } from "../support/wait-for.ts";
import { createWorkspace } from "../support/workspaces.ts";

/** A process that dies between sending and recording has sent at least once; the next one sends the same again. */

let test: TestDatabase;
let receiver: Receiver;
let command: StartedCommand | undefined;
const held: ServerResponse[] = [];

beforeAll(async () => {
  test = await createTestDatabase();
  // The first answer is held back, so that the sender can die while it waits.
  receiver = await startReceiver((response, _request, count) => {
    if (count === 1) held.push(response);
    else response.writeHead(204).end();
  });
});

afterAll(async () => {
  command?.child.kill("SIGKILL");
  await command?.exited();
  await receiver.stop();
  await test.drop();
});

const delivery = async (eventId: string) => {
  const [row] = await test.database.query<{ status: string; attempts: number }>(
    "select status, attempts from usage.webhook_deliveries where event_id = $1",
    [eventId],
  );
  return row;
};

it("the actions server, killed while a receiver thinks, leaves the delivery to its successor", async () => {
  const env = {
    DATABASE_URL: test.url,
    ACTIONS_PORT: String(await freePort()),
    ACTION_SECRET: "a-secret-of-the-tests",
    LOG_LEVEL: "info",
    WEBHOOK_ALLOW_PRIVATE: "true",
    WEBHOOK_ALLOW_HTTP: "true",
  };
  const start = async (): Promise<StartedCommand> => {
    command = startCommand(env, "actions/main.ts", "actions listening");
    await command.ready();
    return command;
  };
  const first = await start();
  const { id } = await createWorkspace(test.database);
  const eventId = randomUUID();
  await test.database.query(
    `with endpoint as (
       insert into usage.webhook_endpoints (workspace_id, url)
       values ($1, $2)
       returning id
     ),
     secret as (
       insert into usage.webhook_secrets (endpoint_id, secret)
       select id, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
       from endpoint
     )
     insert into usage.webhook_deliveries (workspace_id, endpoint_id, event_id, event_type, payload)
     select $1, id, $3, 'webhook.test', '{}'
     from endpoint`,
    [id, receiver.url, eventId],
  );
  await waitFor("the first attempt", () => held.length === 1);
  first.child.kill("SIGKILL");
  await first.exited();
  expect(await delivery(eventId)).toEqual({ status: "pending", attempts: 1 });

  await start();
  // The rest of the dead one's lease, which nobody need wait for here.
  await test.database.query("update usage.webhook_deliveries set claimed_until = now() where event_id = $1", [
    eventId,
  ]);
  await waitFor("the second attempt", async () => (await delivery(eventId))?.status === "delivered");
  expect(await delivery(eventId)).toEqual({ status: "delivered", attempts: 2 });
  expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([eventId, eventId]);
  // The attempt that died stands in no log: that is how it is known.
  const attempts = await test.database.query("select attempt from usage.webhook_attempts order by attempt");
  expect(attempts).toEqual([{ attempt: 2 }]);
}, 120_000);
