import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestEngine } from "hasura-usage/engine";

import { adasOrder, bakery, books, cysOrder, startProject } from "./project.ts";

let project: TestEngine;

beforeAll(async () => {
  project = await startProject();
});
afterEach(() => project.reset());
afterAll(() => project.stop());

const statuses = (): Promise<readonly unknown[]> =>
  project.database.query("select customer, status from orders order by customer");

describe("permissions", () => {
  const customers = "{ orders(order_by: { customer: asc }) { customer } }";

  it("shows a clerk the orders of the own shop only", async () => {
    expect(await project.as("clerk", bakery).data(customers)).toEqual({
      orders: [{ customer: "Ada" }, { customer: "Bob" }],
    });
    expect(await project.as("clerk", books).data(customers)).toEqual({ orders: [{ customer: "Cy" }] });
  });

  it("shows a stranger nothing at all", async () => {
    const { errors } = await project.as("anonymous").query(customers);
    expect(errors?.[0]).toEqual({
      message: "field 'orders' not found in type: 'query_root'",
      extensions: { code: "validation-failed", path: "$.selectionSet.orders" },
    });
  });

  it("lets a clerk take an order with its items, for the own shop, never a paid one", async () => {
    const order = `mutation ($status: String) {
      insert_orders_one(object: {
        customer: "Dee", status: $status, items: { data: [{ article: "Cake", price_cents: 1200 }] }
      }) { status shop { name } items { article quantity } }
    }`;
    expect(await project.as("clerk", bakery).data(order, { status: "open" })).toEqual({
      insert_orders_one: {
        status: "open",
        shop: { name: "Bakery" },
        items: [{ article: "Cake", quantity: 1 }],
      },
    });
    const { errors } = await project.as("clerk", bakery).query(order, { status: "cancelled" });
    expect(errors?.[0]?.extensions.code).toBe("permission-error");
  });

  it("has the schema that was reviewed", () => {
    const sdl = project.sdl("clerk");
    expect(sdl).toContain("payOrder(amountCents: Int!, orderId: uuid!): PaidOrder!");
    expect(sdl).not.toContain("delete_orders");
    expect(sdl).not.toContain("receipts");
  });

  it("filters by shop in the statement itself", () => {
    const [statement] = project.explainSql("clerk", "{ orders { id } }");
    expect(statement?.sql).toContain('"shop_id"');
    expect(statement?.parameters).toContainEqual({ from: "session", name: "x-hasura-shop-id" });
  });
});

describe("the action payOrder", () => {
  const pay = `mutation ($id: uuid!, $cents: Int!) {
    payOrder(orderId: $id, amountCents: $cents) { orderId changeCents }
  }`;

  it("takes the money and gives change", async () => {
    const answer = await project.as("clerk", bakery).data(pay, { id: adasOrder, cents: 1000 });
    expect(answer).toEqual({ payOrder: { orderId: adasOrder, changeCents: 100 } });
    expect(await statuses()).toContainEqual({ customer: "Ada", status: "paid" });
  });

  it("says how much is missing", async () => {
    const { errors } = await project.as("clerk", bakery).query(pay, { id: adasOrder, cents: 800 });
    expect(errors?.[0]).toMatchObject({ message: "not enough", extensions: { code: "not-enough" } });
    expect(await statuses()).toContainEqual({ customer: "Ada", status: "open" });
  });

  it("knows the shop from the session, not from the request", async () => {
    const { errors } = await project.as("clerk", books).query(pay, { id: adasOrder, cents: 1000 });
    expect(errors?.[0]?.extensions.code).toBe("order-not-found");
  });
});

describe("the cron trigger cancel_stale_orders", () => {
  it("cancels what was open for two days at the scheduled time, however often it comes", async () => {
    const [first, second] = await project.fireCron("cancel_stale_orders", {
      scheduledTime: "2026-01-07T11:00:00Z",
      times: 2,
    });
    expect(first).toMatchObject({ status: 200, body: JSON.stringify({ cancelled: [adasOrder] }) });
    expect(second).toMatchObject({ status: 200, body: JSON.stringify({ cancelled: [] }) });
    expect(await statuses()).toEqual([
      { customer: "Ada", status: "cancelled" },
      { customer: "Bob", status: "paid" },
      { customer: "Cy", status: "open" },
    ]);
  });

  it("cancels nothing for an earlier time, though it is delivered later", async () => {
    await project.fireCron("cancel_stale_orders", { scheduledTime: "2026-01-06T00:00:00Z" });
    expect(await statuses()).toContainEqual({ customer: "Ada", status: "open" });
  });
});

describe("the event trigger order_paid", () => {
  const pay = (order: string): Promise<unknown> =>
    project.database.query("update orders set status = 'paid', paid_at = now() where id = $1", [order]);
  const receipts = (): Promise<readonly unknown[]> =>
    project.database.query("select order_id, total_cents from receipts order by order_id");

  it("sends one receipt, though the event is delivered twice", async () => {
    await pay(adasOrder);
    const [event] = await project.events();
    expect(event).toMatchObject({ trigger: "order_paid", operation: "UPDATE", new: { customer: "Ada" } });
    const tries = await project.fireEvent(event?.id ?? "", { times: 2 });
    expect(tries.map(({ body }) => body)).toEqual(['{"receipt":"sent"}', '{"receipt":"already-sent"}']);
    expect(await receipts()).toEqual([{ order_id: adasOrder, total_cents: 900 }]);
  });

  it("does not mind the order of events", async () => {
    await pay(adasOrder);
    await pay(cysOrder);
    const [first, second] = await project.events();
    await project.fireEvent(second?.id ?? "");
    await project.fireEvent(first?.id ?? "");
    expect(await receipts()).toHaveLength(2);
    expect(await project.deliverEvents()).toEqual([]);
  });

  it("is not called for a changed name, and sends nothing for a cancelled order", async () => {
    await project
      .as("clerk", bakery)
      .data('mutation { update_orders(where: {}, _set: { customer: "Eve" }) { affected_rows } }');
    expect(await project.events()).toEqual([]);
    await project.fireCron("cancel_stale_orders", { scheduledTime: "2026-01-08T00:00:00Z" });
    const tries = await project.deliverEvents();
    expect(tries.map(({ status, body }) => [status, body])).toEqual([
      [200, '{"receipt":"not-due"}'],
      [200, '{"receipt":"not-due"}'],
    ]);
    expect(await receipts()).toEqual([]);
  });

  it("is tried again later when the handlers are down, and then succeeds", async () => {
    await pay(adasOrder);
    await project.database.query("alter table receipts rename to receipts_gone");
    expect((await project.deliverEvents()).map(({ status }) => status)).toEqual([500]);
    await project.database.query("alter table receipts_gone rename to receipts");
    expect(await project.deliverEvents()).toEqual([]);
    project.clock.advance({ seconds: 10 });
    expect((await project.deliverEvents()).map(({ status }) => status)).toEqual([200]);
    expect(await receipts()).toHaveLength(1);
  });
});
