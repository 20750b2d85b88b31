import { expect } from "@jest/globals";
import fc from "fast-check";
import type { Queryable } from "../../../src/core/index.ts";
import * as model from "./model.ts";
import { type Metric } from "./model.ts";

/** The database's side of one run: a workspace of its own, and reservations in the order in which they were made. */
export interface Real {
  readonly db: Queryable;
  readonly workspaceId: string;
  readonly reservations: string[];
}

type Command = fc.AsyncCommand<model.Workspace, Real>;

const command = (text: string, run: Command["run"], makesSense: Command["check"] = () => true): Command => ({
  check: makesSense,
  run,
  toString: () => text,
});

type Answer = Readonly<Record<string, unknown>> & { readonly items?: readonly Answer[] };

const ask = async (
  workspace: model.Workspace,
  { db, workspaceId }: Real,
  request: object,
): Promise<Answer> => {
  // The clock is read on both sides of the decision.
  const [row] = await db.query<{ answers: readonly Answer[]; from: number; to: number }>(
    `select
       (extract(epoch from now()) * 1000)::float8 as "from",
       usage.gate_many($1::jsonb) as answers,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as "to"`,
    [JSON.stringify([{ workspaceId, ...request }])],
    { name: "model_gate_many" },
  );
  const answer = row?.answers[0];
  if (answer === undefined) throw new Error("no answer");
  workspace.asked = { from: row?.from ?? 0, to: row?.to ?? 0 };
  return answer;
};

const agree = (answer: Answer | undefined, { retry, ...expected }: model.Expected): void => {
  expect(answer).toMatchObject(expected);
  const seconds = answer?.["retryAfterSeconds"];
  if (retry === null) expect(seconds).toBeNull();
  else {
    expect(seconds).toBeGreaterThanOrEqual(retry[0]);
    expect(seconds).toBeLessThanOrEqual(retry[1]);
  }
};

// What meets on one counter matters most.
const metric = fc.constantFrom<Metric>("ai_queries", "ai_queries", "ai_queries", "api_calls", "channels");
const amount = fc.constantFrom(1, 2, 3, 5, 8, 10, 12);
const key = fc.option(fc.constantFrom("k1", "k2"), { nil: null, freq: 2 });
/** Never a multiple of what the clock moves by: no hold ends at the very moment of a command. */
const ttl = fc.constantFrom(150, 350);
const anyReservation = fc.constantFrom(0, 0, 0, 1, 2);
/** As `usage.ledger` keeps a key. */
const keyLife = 34 * 86_400;

/** Asks, and expects what the model says; the same key with the same content gets the first answer. */
const keyed = async (
  workspace: model.Workspace,
  real: Real,
  request: object,
  idempotencyKey: string | null,
  judge: (answer: Answer) => void,
  isKept: (answer: Answer) => boolean = () => true,
): Promise<void> => {
  const content = JSON.stringify(request);
  const kept = idempotencyKey === null ? undefined : workspace.keys.get(idempotencyKey);
  const answer = await ask(workspace, real, { ...request, idempotencyKey });
  // A request that is refused for itself has no content to compare.
  if (isKept(answer) && kept !== undefined && workspace.now - kept.keptAt <= keyLife) {
    if (kept.content === content) expect(answer).toEqual(kept.answer);
    else agree(answer, model.conflict);
    return;
  }
  judge(answer);
  if (idempotencyKey !== null && isKept(answer))
    workspace.keys.set(idempotencyKey, { content, keptAt: workspace.now, answer });
};

const isNotRowMetered = (answer: Answer): boolean => answer["reason"] !== "row-metered";

const useOne = fc
  .record({ op: fc.constantFrom("check", "consume"), metric, amount, partial: fc.boolean(), key })
  .map(({ op, key: idempotencyKey, ...asked }) =>
    command(`${op} ${JSON.stringify({ ...asked, idempotencyKey })}`, async (workspace, real) => {
      const request = { op, ...asked };
      if (op === "check") {
        const answer = await ask(workspace, real, request);
        agree(answer, model.check(workspace, asked.metric, asked.amount, asked.partial));
        return;
      }
      await keyed(
        workspace,
        real,
        request,
        idempotencyKey,
        (answer) => agree(answer, model.consume(workspace, asked.metric, asked.amount, asked.partial)),
        isNotRowMetered,
      );
    }),
  );

const useTwo = fc
  .record({ first: amount, second: amount, key })
  .map(({ first, second, key: idempotencyKey }) =>
    command(`consume both ${JSON.stringify({ first, second, idempotencyKey })}`, (workspace, real) =>
      keyed(
        workspace,
        real,
        {
          op: "consume",
          items: [
            { metric: "ai_queries", amount: first },
            { metric: "api_calls", amount: second },
          ],
        },
        idempotencyKey,
        (answer) => {
          const expected = model.consumeAll(workspace, [
            ["ai_queries", first],
            ["api_calls", second],
          ]);
          expected.forEach((item, n) => agree(answer.items?.[n], item));
          expect(answer["allowed"]).toBe(expected.every(({ allowed }) => allowed));
        },
      ),
    ),
  );

const holdOf = (of: fc.Arbitrary<Metric>, much: fc.Arbitrary<number>) =>
  fc
    .record({ metric: of, amount: much, partial: fc.boolean(), ttlSeconds: ttl, key })
    .map(({ key: idempotencyKey, ...asked }) =>
      command(`reserve ${JSON.stringify({ ...asked, idempotencyKey })}`, (workspace, real) =>
        keyed(workspace, real, { op: "reserve", ...asked }, idempotencyKey, (answer) => {
          const id = typeof answer["reservationId"] === "string" ? answer["reservationId"] : null;
          const expected = model.reserve(
            workspace,
            asked.metric,
            asked.amount,
            asked.partial,
            asked.ttlSeconds,
            id,
          );
          agree(answer, expected);
          expect(id !== null).toBe(expected.allowed);
          if (id !== null) real.reservations.push(id);
        }),
      ),
    );

const hold = holdOf(metric, amount);

const settle = fc
  .record({
    op: fc.constantFrom(...(["commit", "commit", "release", "extend"] as const)),
    nth: anyReservation,
    amount: fc.option(amount, { nil: null }),
    ttlSeconds: ttl,
    key,
  })
  .map(({ op, nth, amount: wanted, ttlSeconds, key: idempotencyKey }) =>
    command(
      `${op} ${JSON.stringify({ nth, wanted, ttlSeconds, idempotencyKey })}`,
      (workspace, real) => {
        const reservationId = real.reservations.at(-1 - nth) ?? "00000000-0000-4000-8000-000000000000";
        const asked = op === "commit" ? wanted : null;
        const request = { op, reservationId, amount: asked, ...(op === "extend" && { ttlSeconds }) };
        return keyed(
          workspace,
          real,
          request,
          idempotencyKey,
          (answer) => {
            const held = workspace.holds.get(reservationId);
            const expected =
              held === undefined
                ? model.unknownReservation
                : model.settle(workspace, held, op, asked, ttlSeconds);
            if (expected === undefined) {
              expect(answer).toEqual(held?.answer);
              return;
            }
            agree(answer, expected);
            if (held !== undefined && expected.allowed && op !== "extend") held.answer = answer;
          },
          () => workspace.holds.has(reservationId),
        );
      },
      ({ holds }) => holds.size > 0,
    ),
  );

const insertRows = fc.integer({ min: 1, max: 4 }).map((count) =>
  command(`insert ${String(count)} channels`, async (workspace, real) => {
    const inserted = await real.db
      .query(
        "insert into public.channels (workspace_id, name) select $1, gen_random_uuid()::text from generate_series(1, $2)",
        [real.workspaceId, count],
      )
      .then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: "23U01" });
          return false;
        },
      );
    expect(inserted).toBe(count <= model.freeOf(workspace, "channels"));
    if (inserted) workspace.used.channels += count;
  }),
);

const deleteRow = fc.constant(
  command("delete a channel", async (workspace, real) => {
    await real.db.query(
      "delete from public.channels where id = (select id from public.channels where workspace_id = $1 limit 1)",
      [real.workspaceId],
    );
    workspace.used.channels = Math.max(workspace.used.channels - 1, 0);
  }),
);

const plan = (plans: readonly model.Plan[]) =>
  fc.constantFrom(...plans).map((chosen) =>
    command(`plan ${chosen.id}`, async (workspace, { db, workspaceId }) => {
      await db.query("update billing.subscriptions set plan_id = $2 where workspace_id = $1", [
        workspaceId,
        chosen.id,
      ]);
      workspace.plan = chosen;
    }),
  );

const override = fc
  .record({
    metric,
    value: fc.option(fc.integer({ min: 0, max: 40 }), { nil: null, freq: 5 }),
    lasts: fc.constantFrom(null, 250, 550),
  })
  .map(({ metric: of, value, lasts }) =>
    command(`override ${JSON.stringify({ of, value, lasts })}`, async (workspace, { db, workspaceId }) => {
      await db.query(
        `insert into billing.limit_overrides (workspace_id, metric, limit_value, ends_at)
         values ($1, $2, $3, now() + make_interval(secs => $4))`,
        [workspaceId, of, value, lasts],
      );
      workspace.overrides[of].push({ value, endsAt: workspace.now + (lasts ?? Number.POSITIVE_INFINITY) });
    }),
  );

/** The database's clock cannot be set, so everything that waits for a time is moved towards the past. */
const pass = fc.constantFrom(100, 100, 200, 200, 35 * 86_400).map((seconds) =>
  command(`${String(seconds)} seconds later`, async (workspace, { db, workspaceId }) => {
    for (const [table, columns] of [
      ["usage.reservations", ["expires_at"]],
      ["billing.limit_overrides", ["starts_at", "ends_at"]],
      ["usage.ledger", ["created_at"]],
    ] as const)
      await db.query(
        `update ${table} set ${columns.map((column) => `${column} = ${column} - make_interval(secs => $2)`).join(", ")} where workspace_id = $1`,
        [workspaceId, seconds],
      );
    workspace.now += seconds;
  }),
);

const sweep = fc.constant(
  command("mark what has expired", async (_, { db }) => {
    await db.query("select usage.expire_reservations()");
  }),
);

const cross = fc.constant(
  command("the next period", async (workspace, { db, workspaceId }) => {
    // A period that ends now, as a bridge to a new anchor would let it.
    const [row] = await db.query<{ boundary: string }>(
      `with bounds as (
         select present.period_start, date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond' as boundary
         from usage.period($1) as present
       ),
       written as (
         insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
         select $1::uuid, '-infinity', null::timestamptz, 'UTC', null
         where not exists (select from billing.period_anchors where workspace_id = $1)
         union all
         select $1::uuid, bounds.period_start, bounds.boundary, 'UTC', bounds.boundary
         from bounds
         on conflict (workspace_id, valid_from) do update
         set anchor_at = excluded.anchor_at,
           bridge_until = excluded.bridge_until
       )
       select to_char(boundary at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as boundary
       from bounds`,
      [workspaceId],
    );
    // A millisecond at most: asked again and again it has passed before a timer would fire.
    for (let passed = false; !passed;) {
      const [now] = await db.query<{ passed: boolean }>("select now() >= $1::timestamptz as passed", [
        row?.boundary,
      ]);
      passed = now?.passed ?? true;
    }
    model.nextPeriod(workspace, new Date(row?.boundary ?? 0));
  }),
);

/** Takes all that is left, unless nothing bounds it. */
const fill = fc
  .constantFrom<Metric>("ai_queries", "api_calls")
  .map((of) =>
    command(`fill ${of}`, async (workspace, real) =>
      agree(
        await ask(workspace, real, { op: "consume", metric: of, amount: 1_000, partial: true }),
        model.consume(workspace, of, 1_000, true),
      ),
    ),
  );

const together = (parts: readonly Command[]): Command =>
  command(parts.map(String).join(", "), async (workspace, real) => {
    for (const part of parts) if (await part.check(workspace)) await part.run(workspace, real);
  });

/** What chance alone seldom brings together: a hold that is committed in a later period, with the room that is left there; */
const carryOver = fc
  .tuple(hold, cross, fc.oneof(fill, useOne, override), fc.oneof(pass, override), settle)
  .map(together);
/** and rows beside a hold, the second of which come into the room that the first were given. */
const besideHold = fc
  .tuple(holdOf(fc.constant("channels"), fc.constantFrom(1, 2, 3)), insertRows, insertRows)
  .map(together);

/** Whether the view shows what the model holds. */
const look = fc.constant(
  command("look", async (workspace, { db, workspaceId }) => {
    const rows = await db.query<{ metric: Metric; used: string; reserved: string }>(
      "select metric, used, reserved from usage.current where workspace_id = $1 and metric in ('ai_queries', 'api_calls', 'channels') order by metric",
      [workspaceId],
    );
    expect(rows).toEqual(
      (["ai_queries", "api_calls", "channels"] as const).map((of) => {
        const { used, reserved } = model.check(workspace, of, 1, false);
        return { metric: of, used: String(used), reserved: String(reserved) };
      }),
    );
  }),
);

export const commands = (plans: readonly model.Plan[]) =>
  fc.commands(
    [
      ...[useOne, useOne, useTwo, hold, hold, hold, settle, settle, settle, settle, settle, settle],
      ...[insertRows, deleteRow, plan(plans), override, pass, pass, pass, sweep, cross, cross, look],
      ...[fill, carryOver, carryOver, besideHold],
    ],
    { maxCommands: 16, size: "max" },
  );
