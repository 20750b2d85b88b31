import type { Queryable } from "../../../src/core/index.ts";

/** The part of a decision that the tests look at; bigints of these tests fit a JSON number. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly metric: string | null;
  readonly amount: number | null;
  readonly granted: number | null;
  readonly used: number | null;
  readonly reserved: number | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly overage: number | null;
  readonly source: string | null;
  readonly limitedBy: string | null;
  readonly resetsAt: string | null;
  readonly retryAfterSeconds: number | null;
  readonly reservationId: string | null;
  readonly reservationStatus: string | null;
  readonly expiresAt: string | null;
  readonly addOn: { readonly addOnId: string; readonly quantity: number; readonly priceCents: number } | null;
  readonly member: {
    readonly memberId: string;
    readonly used: number;
    readonly reserved: number;
    readonly limit: number | null;
    readonly remaining: number | null;
  } | null;
  readonly upgrade: { readonly planId: string; readonly name: string; readonly priceCents: number } | null;
}

export type Asked = Readonly<Record<string, unknown>>;

export const ask = async (db: Queryable, requests: readonly unknown[]): Promise<readonly Decision[]> => {
  const rows = await db.query<{ answers: readonly Decision[] }>(
    "select usage.gate_many($1::jsonb) as answers",
    [JSON.stringify(requests)],
  );
  return rows[0]?.answers ?? [];
};

export const askOne = async (db: Queryable, request: Asked): Promise<Decision> => {
  const [decision] = await ask(db, [request]);
  if (decision === undefined) throw new Error("the gate gave no answer");
  return decision;
};

/** A new workspace on free, or on the plan given. */
export const createWorkspace = async (db: Queryable, planId?: string): Promise<string> => {
  const rows = await db.query<{ id: string }>(
    "insert into public.workspaces (name) values ('Test') returning id",
  );
  const id = rows[0]?.id ?? "";
  if (planId !== undefined) {
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, $2)", [id, planId]);
  }
  return id;
};

export const usedOf = async (db: Queryable, workspaceId: string, metric: string): Promise<number> => {
  const rows = await db.query<{ used: string }>(
    "select used from usage.current where workspace_id = $1 and metric = $2",
    [workspaceId, metric],
  );
  return Number(rows[0]?.used);
};

export const addChannels = async (db: Queryable, workspaceId: string, count: number): Promise<void> => {
  await db.query(
    `insert into public.channels (workspace_id, name)
     select $1, gen_random_uuid()::text
     from generate_series(1, $2::integer)`,
    [workspaceId, count],
  );
};

/** Ends the time of a reservation without the job that marks it. */
export const letExpire = async (db: Queryable, reservationId: string | null): Promise<void> => {
  await db.query(
    "update usage.reservations set expires_at = clock_timestamp() - interval '1 millisecond' where id = $1",
    [reservationId],
  );
};

/** What a failing statement says, in the fields that a driver shows. */
export const failureOf = async (
  work: Promise<unknown>,
): Promise<{ readonly code: string; readonly message: string; readonly detail: string }> => {
  try {
    await work;
  } catch (error) {
    const { code, message, detail } = error as { code?: string; message: string; detail?: string };
    return { code: code ?? "", message, detail: detail ?? "" };
  }
  throw new Error("the statement was expected to fail");
};
