import { type Clock, createCombiner, type Database } from "../../src/core/index.ts";

export interface DueWebhook {
  readonly id: string;
  readonly workspaceId: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly payload: string;
  readonly url: string;
  /** The present one first. */
  readonly secrets: readonly string[];
  /** Number of this attempt, from 1, over all resends. */
  readonly attempt: number;
  /** The same since the last resend: what the schedule of retries counts. */
  readonly sinceResend: number;
}

export interface AttemptRecord {
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
}

export type Verdict =
  | { readonly kind: "delivered" }
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "failed"; readonly gone: boolean };

export interface ClaimOptions {
  readonly limit: number;
  readonly perEndpoint: number;
  readonly busyEndpoints: readonly string[];
  readonly leaseMs: number;
}

export interface WebhookStore {
  claim(options: ClaimOptions): Promise<readonly DueWebhook[]>;
  settle(delivery: DueWebhook, record: AttemptRecord, verdict: Verdict): Promise<void>;
  release(ids: readonly string[]): Promise<void>;
}

export interface WebhookStoreDeps {
  readonly database: Database;
  readonly clock: Clock;
}

/** A receiver that fails this long is not called any more. */
const disableAfterDays = 5;

interface Delivered {
  readonly delivery: DueWebhook;
  readonly record: AttemptRecord;
}

const settled = `jsonb_to_recordset($1::jsonb) as settled (
  id uuid, endpoint_id uuid, attempt integer, started_at timestamptz, duration_ms integer, response_status integer
)`;

/** The common end of many in one round trip; its statements need none of each other's answers. The order of locks is that of all ends. */
const settleDelivered = [
  {
    name: "webhooks_lock_endpoints",
    text: `select endpoint.id
     from usage.webhook_endpoints as endpoint
     where endpoint.id in (
       select settled.endpoint_id
       from ${settled}
     )
     order by endpoint.id
     for no key update`,
  },
  {
    name: "webhooks_settle_delivered",
    text: `update usage.webhook_deliveries as delivery
     set status = 'delivered',
       next_attempt_at = null,
       claimed_until = '-infinity',
       last_attempt_at = settled.started_at,
       duration_ms = settled.duration_ms,
       response_status = settled.response_status,
       error = null,
       delivered_at = now()
     from ${settled}
     where delivery.id = settled.id
       and delivery.status <> 'delivered'`,
  },
  {
    name: "webhooks_note_delivered",
    text: `insert into usage.webhook_attempts
       (delivery_id, attempt, workspace_id, started_at, duration_ms, response_status, error)
     select delivery.id, settled.attempt, delivery.workspace_id, settled.started_at, settled.duration_ms, settled.response_status, null
     from ${settled}
     join usage.webhook_deliveries as delivery on delivery.id = settled.id
     on conflict do nothing`,
  },
  {
    name: "webhooks_clear_failing",
    text: `update usage.webhook_endpoints
     set failing_since = null
     where failing_since is not null
       and id in (
         select settled.endpoint_id
         from ${settled}
       )`,
  },
];

/**
 * The queue in `usage.webhook_deliveries`. A claim is a lease: when its holder dies, the delivery is anybody's again as
 * soon as the lease is over. The clock is Postgres's own.
 */
export const createWebhookStore = ({ database, clock }: WebhookStoreDeps): WebhookStore => {
  // What is delivered while others are written goes with the next: a burst is paid by its commits.
  const delivered = createCombiner<Delivered, true>({
    what: "delivered webhooks",
    laneOf: () => "all",
    clock,
    limits: { maxCalls: 1, maxWaitMs: Number.POSITIVE_INFINITY },
    call: async (all) => {
      const rows = all.map(({ delivery, record }) => ({
        id: delivery.id,
        endpoint_id: delivery.endpointId,
        attempt: delivery.attempt,
        started_at: record.startedAt,
        duration_ms: record.durationMs,
        response_status: record.responseStatus,
      }));
      const values = [JSON.stringify(rows)];
      await database.batch(
        settleDelivered.map((statement) => ({ ...statement, values })),
        () => undefined,
      );
      return all.map(() => true as const);
    },
  });
  return {
    claim: ({ limit, perEndpoint, busyEndpoints, leaseMs }) =>
      database.query<DueWebhook>(
        `with ready as (
         select distinct waiting.endpoint_id
         from usage.webhook_deliveries as waiting
         where waiting.status = 'pending'
           and waiting.next_attempt_at <= now()
           and waiting.claimed_until <= now()
           and waiting.endpoint_id <> all($2::uuid[])
       ),
       due as (
         select first.id
         from ready
         cross join lateral (
           select delivery.id, delivery.next_attempt_at
           from usage.webhook_deliveries as delivery
           where delivery.endpoint_id = ready.endpoint_id
             and delivery.status = 'pending'
             and delivery.next_attempt_at <= now()
             and delivery.claimed_until <= now()
           order by delivery.next_attempt_at
           limit $3
           for no key update skip locked
         ) as first
         order by first.next_attempt_at
         limit $1
       )
       update usage.webhook_deliveries as claimed
       set claimed_until = now() + $4 * interval '1 millisecond',
         attempts = claimed.attempts + 1
       from due, usage.webhook_endpoints as endpoint
       where claimed.id = due.id
         and endpoint.id = claimed.endpoint_id
       returning
         claimed.id,
         claimed.workspace_id as "workspaceId",
         claimed.endpoint_id as "endpointId",
         claimed.event_id as "eventId",
         claimed.payload,
         endpoint.url,
         claimed.attempts as attempt,
         claimed.attempts - claimed.retries_from as "sinceResend",
         array(
           select known.secret
           from usage.webhook_secrets as known
           where known.endpoint_id = endpoint.id
             and (known.expires_at is null or known.expires_at > now())
           order by known.created_at desc
         ) as secrets`,
        [limit, busyEndpoints, perEndpoint, leaseMs],
      ),

    settle: async (delivery, record, verdict) => {
      if (verdict.kind === "delivered") {
        await delivered.ask({ delivery, record });
        return;
      }
      await database.transaction(async (tx) => {
        // The endpoint before its deliveries, as a change of `enabled` takes them: so no two can wait for each other.
        const endpoints = await tx.query(
          "select id from usage.webhook_endpoints where id = $1 for no key update",
          [delivery.endpointId],
        );
        if (endpoints.length === 0) return;
        // Whoever comes late, its lease over, may still report a success, but not undo what the next one did.
        const settled = await tx.query(
          `update usage.webhook_deliveries
         set status = $3,
           next_attempt_at = case $3 when 'pending' then now() + $4 * interval '1 millisecond' end,
           claimed_until = '-infinity',
           last_attempt_at = $5,
           duration_ms = $6,
           response_status = $7,
           error = $8
         where id = $1
           and status = 'pending'
           and attempts = $2
         returning id`,
          [
            delivery.id,
            delivery.attempt,
            verdict.kind === "retry" ? "pending" : verdict.kind,
            verdict.kind === "retry" ? verdict.delayMs : 0,
            record.startedAt,
            record.durationMs,
            record.responseStatus,
            record.error,
          ],
        );
        await tx.query(
          `insert into usage.webhook_attempts
           (delivery_id, attempt, workspace_id, started_at, duration_ms, response_status, error)
         select id, $2, workspace_id, $3, $4, $5, $6
         from usage.webhook_deliveries
         where id = $1
         on conflict do nothing`,
          [
            delivery.id,
            delivery.attempt,
            record.startedAt,
            record.durationMs,
            record.responseStatus,
            record.error,
          ],
        );
        if (settled.length === 0) return;
        await tx.query(
          `update usage.webhook_endpoints
         set failing_since = coalesce(failing_since, $2),
           enabled = false,
           disabled_reason = case when $3 then 'gone' else 'failures' end
         where id = $1
           and enabled
           and ($3 or failing_since < now() - $4 * interval '1 day')`,
          [
            delivery.endpointId,
            record.startedAt,
            verdict.kind === "failed" && verdict.gone,
            disableAfterDays,
          ],
        );
        await tx.query(
          "update usage.webhook_endpoints set failing_since = $2 where id = $1 and failing_since is null and enabled",
          [delivery.endpointId, record.startedAt],
        );
      });
    },

    release: async (ids) => {
      await database.query(
        `update usage.webhook_deliveries
       set claimed_until = '-infinity'
       where id = any($1)
         and status = 'pending'`,
        [ids],
      );
    },
  };
};
