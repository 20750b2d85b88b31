import { randomUUID } from "node:crypto";
import { type Queryable } from "../../src/core/index.ts";

/** One workspace with one row in every table that holds rows of a workspace. */
export interface Tenant {
  readonly workspaceId: string;
  readonly userId: string;
  readonly memberId: string;
  readonly channelId: string;
  readonly callId: string;
  /** Text that stands in every row of the tenant and in no other's. */
  readonly mark: string;
}

export async function createTenant(db: Queryable, mark: string): Promise<Tenant> {
  const tenant = {
    workspaceId: randomUUID(),
    userId: randomUUID(),
    memberId: randomUUID(),
    channelId: randomUUID(),
    callId: randomUUID(),
    mark,
  };
  const { workspaceId: w, userId: u, memberId: m, channelId: c, callId } = tenant;
  const statements: readonly (readonly [string, readonly unknown[]])[] = [
    [
      `insert into users (id, email, display_name)
       values ($1::uuid, $1::text || '@' || $3, $3), ($2::uuid, $2::text || '@' || $3, $3)`,
      [u, m, mark],
    ],
    ["insert into workspaces (id, name, slug, owner_id) values ($1::uuid, $2, $1::text, $3)", [w, mark, u]],
    [
      "insert into workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner'), ($1, $3, 'member')",
      [w, u, m],
    ],
    ["insert into channels (id, workspace_id, name, created_by) values ($1, $2, $3, $4)", [c, w, mark, u]],
    [
      "insert into messages (workspace_id, channel_id, user_id, body) values ($1, $2, $3, $4)",
      [w, c, u, mark],
    ],
    [
      "insert into billing.member_limits (workspace_id, metric, limit_value) values ($1, 'storage_bytes', 100)",
      [w],
    ],
    ["insert into files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, $3, 10)", [w, u, mark]],
    ["insert into bots (workspace_id, name) values ($1, $2)", [w, mark]],
    ["insert into integrations (workspace_id, name) values ($1, $2)", [w, mark]],
    ["insert into calls (id, workspace_id, started_at) values ($1, $2, now())", [callId, w]],
    ["insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'pro')", [w]],
    ["insert into streams (workspace_id, started_at) values ($1, now())", [w]],
    ["insert into call_recordings (call_id, workspace_id, size_bytes) values ($1, $2, 10)", [callId, w]],
    [
      "insert into workspace_invitations (workspace_id, email, invited_by) values ($1, $2, $3)",
      [w, `${mark}@example.com`, u],
    ],
    [
      `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason)
       values ($1, 'bots', 50, now(), $2)`,
      [w, mark],
    ],
    ["insert into billing.subscription_add_ons (workspace_id, add_on_id) values ($1, 'storage-100-gb')", [w]],
    [
      `insert into billing.plan_graces (workspace_id, plan_id, ends_at, reason)
       values ($1, 'business', now() + interval '1 day', $2)`,
      [w, mark],
    ],
    [
      "select usage.gate_many($1::jsonb)",
      [
        JSON.stringify([
          { op: "consume", workspaceId: w, metric: "ai_queries", amount: 1, idempotencyKey: mark },
        ]),
      ],
    ],
    [
      "select usage.gate_many($1::jsonb)",
      [JSON.stringify([{ op: "reserve", workspaceId: w, metric: "ai_queries", amount: 1 }])],
    ],
    [
      `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
       values ($1, 'messages', now(), 75, 3, 4)`,
      [w],
    ],
    [
      "insert into usage.alert_rules (workspace_id, metric, threshold_percent) values ($1, 'messages', 50)",
      [w],
    ],
    [
      `with endpoint as (
         insert into usage.webhook_endpoints (workspace_id, url, description)
         values ($1, 'https://webhooks.invalid/', $2)
         returning id
       ),
       delivery as (
         insert into usage.webhook_deliveries
           (workspace_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at)
         select $1, id, $2, 'webhook.test', '{}', 'delivered', 1, null
         from endpoint
         returning id
       )
       insert into usage.webhook_attempts (delivery_id, attempt, workspace_id, started_at, duration_ms, response_status)
       select id, 1, $1, now(), 5, 204
       from delivery`,
      [w, mark],
    ],
    [
      `insert into usage.api_calls (workspace_id, user_id, hour, operation, count)
       values ($1, $2, date_trunc('hour', now()), $3, 7)`,
      [w, u, mark],
    ],
    [
      `insert into analytics.events (workspace_id, user_id, channel_id, source, name, properties)
       values ($1, $2, $3, $4, $4, jsonb_build_object('mark', $4::text))`,
      [w, u, c, mark],
    ],
    [
      "insert into analytics.feature_usage (workspace_id, user_id, feature_name) values ($1, $2, $3)",
      [w, u, mark],
    ],
    [
      `insert into analytics.performance (workspace_id, user_id, endpoint, response_time_ms)
       values ($1, $2, $3, 12.5)`,
      [w, u, mark],
    ],
    [
      `insert into analytics.search_logs (workspace_id, user_id, query, query_normalized)
       values ($1, $2, $3, $3)`,
      [w, u, mark],
    ],
    // As the job would do it: one that runs meanwhile changes nothing.
    ["select analytics.roll_activity(now(), 1000000)", []],
  ];
  for (const [text, values] of statements) await db.query(text, values);
  return tenant;
}
