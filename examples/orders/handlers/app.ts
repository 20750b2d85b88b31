import express, { type Express } from "express";

/** What the handlers ask of the database; a `pg` pool wrapped in three lines in production, the test's own in tests. */
export interface Queries {
  query<Row>(text: string, values: readonly unknown[]): Promise<readonly Row[]>;
}

export interface HandlersDeps {
  readonly database: Queries;
  readonly secret: string;
}

interface PayOrder {
  readonly input: { readonly orderId: string; readonly amountCents: number };
  readonly session_variables: Readonly<Record<string, string>>;
}

interface OrderChanged {
  readonly id: string;
  readonly event: { readonly data: { readonly new: { readonly id: string; readonly status: string } } };
}

/** One statement, so that two clerks who take the money at once cannot both succeed. */
const pay = `
with due as (
  select id, (select coalesce(sum(quantity * price_cents), 0)::int from order_items where order_id = orders.id) as total
  from orders
  where id = $1 and shop_id = $2 and status = 'open'
  for update
),
paid as (
  update orders
  set status = 'paid', paid_at = now()
  from due
  where orders.id = due.id and due.total <= $3
  returning orders.id
)
select total, exists (select from paid) as paid from due`;

/** The webhooks of the project: actions, cron triggers and event triggers. */
export const createHandlers = ({ database, secret }: HandlersDeps): Express => {
  const app = express();
  app.use((request, response, next) => {
    if (request.get("x-webhook-secret") === secret) next();
    else response.status(401).json({ message: "not Hasura", extensions: { code: "unauthorized" } });
  });
  app.use(express.json());

  app.post("/actions/payOrder", async (request, response) => {
    const { input, session_variables: session } = request.body as PayOrder;
    const [order] = await database.query<{ readonly total: number; readonly paid: boolean }>(pay, [
      input.orderId,
      session["x-hasura-shop-id"],
      input.amountCents,
    ]);
    if (order === undefined) {
      response.status(404).json({ message: "no such open order", extensions: { code: "order-not-found" } });
    } else if (!order.paid) {
      const missingCents = order.total - input.amountCents;
      response.status(400).json({ message: "not enough", extensions: { code: "not-enough", missingCents } });
    } else {
      response.json({ orderId: input.orderId, changeCents: input.amountCents - order.total });
    }
  });

  app.post("/cron/cancel_stale_orders", async (request, response) => {
    const { scheduled_time: at, payload } = request.body as {
      readonly scheduled_time: string;
      readonly payload: { readonly older_than_hours: number };
    };
    // The window comes from the scheduled time, not from now: a late or repeated delivery does the same as a punctual one.
    const cancelled = await database.query<{ readonly id: string }>(
      `update orders
       set status = 'cancelled'
       where status = 'open' and created_at < $1::timestamptz - make_interval(hours => $2)
       returning id`,
      [at, payload.older_than_hours],
    );
    response.json({ cancelled: cancelled.map(({ id }) => id) });
  });

  app.post("/events/order_paid", async (request, response) => {
    const { id, event } = request.body as OrderChanged;
    if (event.data.new.status !== "paid") {
      response.json({ receipt: "not-due" });
      return;
    }
    // Events come at least once and in any order: the order's own key decides whether there is a receipt already.
    const written = await database.query<{ readonly order_id: string }>(
      `insert into receipts (event_id, order_id, total_cents)
       select $1, $2, coalesce(sum(quantity * price_cents), 0)::int
       from order_items
       where order_id = $2
       on conflict do nothing
       returning order_id`,
      [id, event.data.new.id],
    );
    response.json({ receipt: written.length === 0 ? "already-sent" : "sent" });
  });

  return app;
};
