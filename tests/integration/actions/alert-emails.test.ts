import { randomUUID } from "node:crypto";
import { type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { SMTPServer } from "smtp-server";
import { createDelivery, readDeliverySettings } from "../../../actions/delivery/index.ts";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace } from "../../support/workspaces.ts";

interface Email {
  readonly to: readonly string[];
  readonly text: string;
}

interface MailServer {
  readonly url: string;
  readonly emails: readonly Email[];
  stop(): Promise<void>;
}

/** A real SMTP server; `refuse` gives the code that a recipient is answered with. */
const startMailServer = async (
  refuse: (address: string, count: number) => number | null = () => null,
): Promise<MailServer> => {
  const emails: Email[] = [];
  const asked = new Map<string, number>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onRcptTo: ({ address }, _session, callback) => {
      const count = (asked.get(address) ?? 0) + 1;
      asked.set(address, count);
      const responseCode = refuse(address, count);
      callback(responseCode === null ? null : Object.assign(new Error("not now"), { responseCode }));
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        emails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        });
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${String(port)}`,
    emails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
};

let test: TestDatabase;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const start = async (mail: MailServer): Promise<RunningActions> => {
  cleanUp.push(() => mail.stop());
  const delivery = createDelivery({
    database: test.database,
    clock: systemClock,
    logger: silentLogger,
    settings: readDeliverySettings({ SMTP_URL: mail.url, SMTP_FROM: "Usage <usage@example.com>" }),
    retryDelaysMs: [0, 0],
  });
  delivery.start();
  cleanUp.push(() => delivery.stop());
  const actions = await startActions(test.database, delivery);
  cleanUp.push(() => actions.stop());
  return actions;
};

/** A workspace with an admin and a member beside its owner, and an alert of it; the owner is a member as well. */
const raise = async (): Promise<{ alertId: string; owner: string; admin: string; member: string }> => {
  const { id, owner } = await createWorkspace(test.database);
  const [admin, member] = [randomUUID(), randomUUID()];
  await test.database.query("update workspaces set name = 'Acme <b>&</b> Sons' where id = $1", [id]);
  await test.database.query(
    "insert into users (id, email, display_name) select id, id || '@example.com', 'x' from unnest($1::uuid[]) as u (id)",
    [[admin, member]],
  );
  await test.database.query(
    `insert into workspace_members (workspace_id, user_id, role)
     values ($1, $2, 'owner'), ($1, $3, 'admin'), ($1, $4, 'member')`,
    [id, owner, admin, member],
  );
  const [alert] = await test.database.query<{ id: string }>(
    `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
     values ($1, 'ai_queries', now(), 90, 90, 100)
     returning id`,
    [id],
  );
  return { alertId: alert?.id ?? "", owner, admin, member };
};

const post = async (actions: RunningActions, alertId: string): Promise<unknown> => {
  const response = await actions.post("/events/usage_alert_raised", {
    id: randomUUID(),
    trigger: { name: "usage_alert_raised" },
    event: { op: "INSERT", data: { old: null, new: { id: alertId } } },
  });
  expect(response.status).toBe(200);
  return response.json();
};

const statesOf = (alertId: string) =>
  test.database.query<{ status: string; attempts: number; error: string | null }>(
    "select status, attempts, error from usage.alert_emails where alert_id = $1 order by status",
    [alertId],
  );

const settled = (alertId: string) =>
  waitFor("the e-mails to be settled", async () => {
    const rows = await statesOf(alertId);
    return rows.length > 0 && rows.every(({ status }) => status !== "pending") && rows;
  });

it("an e-mail goes to owner and admins, once for each alert, with text and escaped html", async () => {
  const mail = await startMailServer();
  const actions = await start(mail);
  const { alertId, owner, admin } = await raise();
  expect(await post(actions, alertId)).toEqual({ webhooks: 0, emails: 2 });
  // Another event of the same alert, as a person may fire it by hand.
  expect(await post(actions, alertId)).toEqual({ webhooks: 0, emails: 0 });
  expect(await settled(alertId)).toHaveLength(2);
  expect(mail.emails.flatMap(({ to }) => to).sort()).toEqual(
    [`${owner}@example.com`, `${admin}@example.com`].sort(),
  );
  // without the line breaks of quoted-printable and of folded headers
  const text = (mail.emails[0]?.text ?? "").replace(/=\r\n/gu, "").replace(/\r\n /gu, " ");
  expect(text).toContain("From: Usage <usage@example.com>");
  expect(text).toMatch(/Message-ID: +<[0-9a-f-]+@hasura-usage>/iu);
  expect(text).toContain("Content-Type: text/plain");
  expect(text).toContain("Content-Type: text/html");
  expect(text).toContain("Acme &lt;b&gt;&amp;&lt;/b&gt; Sons");
  expect(text).not.toContain("<td>Acme <b>");
});

it("a refusal for now is tried again, a refusal for good is not", async () => {
  const later = await startMailServer((_address, count) => (count < 3 ? 450 : null));
  const first = await raise();
  await post(await start(later), first.alertId);
  const sent = { status: "sent", attempts: 3, error: null };
  expect(await settled(first.alertId)).toEqual([sent, sent]);
  expect(later.emails).toHaveLength(2);

  const second = await raise();
  const never = await startMailServer((address) => (address.startsWith(second.owner) ? 550 : null));
  for (const step of cleanUp.splice(0).reverse()) await step();
  await post(await start(never), second.alertId);
  expect(await settled(second.alertId)).toEqual([
    { status: "failed", attempts: 1, error: "EENVELOPE" },
    { status: "sent", attempts: 1, error: null },
  ]);
  expect(never.emails).toHaveLength(1);
});

it("a mail server that is not there fails the e-mails in the end, and nothing else", async () => {
  const mail = await startMailServer();
  const actions = await start(mail);
  await mail.stop();
  const { alertId } = await raise();
  await post(actions, alertId);
  const failed = await settled(alertId);
  expect(failed.map(({ status, attempts }) => ({ status, attempts }))).toEqual([
    { status: "failed", attempts: 3 },
    { status: "failed", attempts: 3 },
  ]);
});
