/**
 * What the product promises each role, written down apart from the metadata. The tests hold the schema of every
 * role against it in both directions, so a table, a column, a function or an action that is not classified here
 * fails them.
 */
export const roles = ["anonymous", "user", "workspace_admin", "service", "operator"] as const;
export type Role = (typeof roles)[number];

/** Bound to the workspace of the token; operator is not, by design, and anonymous sees the price list only. */
export const boundRoles = ["user", "workspace_admin", "service"] as const;
export type BoundRole = (typeof boundRoles)[number];

export type Operation = "select" | "insert" | "update" | "delete";

/** s(elect), i(nsert), u(pdate), d(elete), in the order of `roles`. */
type Access = readonly [string, string, string, string, string];

type Columns = Partial<Readonly<Record<Role, string>>>;

export interface TableSurface {
  readonly relation: string;
  /** The column that holds the workspace; "person" is bound by the people of a workspace, null is for everybody. */
  readonly bound: "workspace_id" | "id" | "person" | null;
  readonly access: Access;
  readonly read: string;
  readonly insert?: Columns;
  readonly update?: Columns;
}

const everybody: Access = ["s", "s", "s", "s", "s"];
const managers: Access = ["", "", "s", "s", "s"];
const readers: Access = ["", "s", "s", "s", "s"];
const same = (columns: string, ...names: readonly Role[]): Columns =>
  Object.fromEntries(names.map((role) => [role, columns]));

export const tables: Readonly<Record<string, TableSurface>> = {
  users: {
    relation: "public.users",
    bound: "person",
    access: ["", "su", "su", "s", "s"],
    read: "created_at display_name email id",
    update: same("display_name", "user", "workspace_admin"),
  },
  workspaces: {
    relation: "public.workspaces",
    bound: "id",
    access: ["", "s", "su", "s", "s"],
    read: "created_at id name owner_id slug time_zone",
    update: same("name", "workspace_admin"),
  },
  workspace_members: {
    relation: "public.workspace_members",
    bound: "workspace_id",
    access: ["", "sd", "sud", "sd", "sid"],
    read: "created_at role user_id workspace_id",
    insert: same("role user_id workspace_id", "operator"),
    update: same("role", "workspace_admin"),
  },
  workspace_invitations: {
    relation: "public.workspace_invitations",
    bound: "workspace_id",
    access: ["", "sd", "sid", "sid", "s"],
    read: "accepted_at accepted_by created_at email expires_at id invited_by role workspace_id workspace_name",
    insert: same("email role", "workspace_admin", "service"),
  },
  channels: {
    relation: "public.channels",
    bound: "workspace_id",
    access: ["", "siu", "siud", "siu", "s"],
    read: "archived_at created_at created_by id name workspace_id",
    insert: { ...same("name", "user", "workspace_admin"), service: "created_by name" },
    update: same("archived_at name", "user", "workspace_admin", "service"),
  },
  messages: {
    relation: "public.messages",
    bound: "workspace_id",
    access: ["", "siu", "siud", "siu", "s"],
    read: "body channel_id created_at deleted_at id user_id workspace_id",
    insert: { ...same("body channel_id", "user", "workspace_admin"), service: "body channel_id user_id" },
    update: { ...same("body deleted_at", "user", "workspace_admin"), service: "deleted_at" },
  },
  files: {
    relation: "public.files",
    bound: "workspace_id",
    access: ["", "siud", "siud", "siud", "s"],
    read: "created_at id name size_bytes status uploader_id workspace_id",
    insert: {
      ...same("name size_bytes status", "user", "workspace_admin"),
      service: "name size_bytes status uploader_id",
    },
    update: { ...same("name status", "user", "workspace_admin"), service: "name size_bytes status" },
  },
  bots: {
    relation: "public.bots",
    bound: "workspace_id",
    access: ["", "s", "siud", "sid", "s"],
    read: "created_at id name workspace_id",
    insert: same("name", "workspace_admin", "service"),
    update: same("name", "workspace_admin"),
  },
  integrations: {
    relation: "public.integrations",
    bound: "workspace_id",
    access: ["", "s", "siud", "sid", "s"],
    read: "created_at id name workspace_id",
    insert: same("name", "workspace_admin", "service"),
    update: same("name", "workspace_admin"),
  },
  calls: {
    relation: "public.calls",
    bound: "workspace_id",
    access: ["", "siu", "siu", "siu", "s"],
    read: "created_at ended_at id started_at workspace_id",
    insert: same("ended_at started_at", "user", "workspace_admin", "service"),
    update: same("ended_at", "user", "workspace_admin", "service"),
  },
  call_recordings: {
    relation: "public.call_recordings",
    bound: "workspace_id",
    access: ["", "si", "sid", "sid", "s"],
    read: "call_id created_at id size_bytes workspace_id",
    insert: same("call_id size_bytes", "user", "workspace_admin", "service"),
  },
  streams: {
    relation: "public.streams",
    bound: "workspace_id",
    access: ["", "siu", "siu", "siu", "s"],
    read: "created_at ended_at id started_at workspace_id",
    insert: same("ended_at started_at", "user", "workspace_admin", "service"),
    update: same("ended_at", "user", "workspace_admin", "service"),
  },
  billing_plans: {
    relation: "billing.plans",
    bound: null,
    access: everybody,
    read: "created_at description id is_public max_call_participants max_file_bytes name past_due_grace_days price_cents price_on_request rank rate_limit_per_minute yearly_price_cents",
  },
  billing_features: {
    relation: "billing.features",
    bound: null,
    access: everybody,
    read: "created_at description key title",
  },
  billing_plan_features: {
    relation: "billing.plan_features",
    bound: null,
    access: everybody,
    read: "created_at feature plan_id",
  },
  billing_plan_limits: {
    relation: "billing.plan_limits",
    bound: null,
    access: everybody,
    read: "created_at enforcement limit_value metric overage_cap plan_id trial_limit_value",
  },
  billing_limit_overrides: {
    relation: "billing.limit_overrides",
    bound: "workspace_id",
    access: ["", "", "s", "s", "siud"],
    read: "created_at ends_at enforcement id limit_value metric overage_cap reason starts_at workspace_id",
    insert: same(
      "ends_at enforcement limit_value metric overage_cap reason starts_at workspace_id",
      "operator",
    ),
    update: same("ends_at enforcement limit_value overage_cap reason starts_at", "operator"),
  },
  billing_add_ons: {
    relation: "billing.add_ons",
    bound: null,
    access: everybody,
    read: "amount created_at description id is_public metric name price_cents",
  },
  billing_subscription_add_ons: {
    relation: "billing.subscription_add_ons",
    bound: "workspace_id",
    access: ["", "", "s", "s", "siud"],
    read: "add_on_id created_at ends_at id metric quantity starts_at subscription_id unit_amount workspace_id",
    insert: same("add_on_id ends_at quantity starts_at subscription_id workspace_id", "operator"),
    update: same("ends_at quantity", "operator"),
  },
  billing_member_limits: {
    relation: "billing.member_limits",
    bound: "workspace_id",
    access: ["", "s", "s", "s", "siud"],
    read: "created_at id limit_value metric plan_id workspace_id",
    insert: same("limit_value metric workspace_id", "operator"),
    update: same("limit_value", "operator"),
  },
  billing_plan_graces: {
    relation: "billing.plan_graces",
    bound: "workspace_id",
    access: ["", "", "s", "s", "siud"],
    read: "created_at ends_at id plan_id reason starts_at workspace_id",
    insert: same("ends_at plan_id reason starts_at workspace_id", "operator"),
    update: same("ends_at reason", "operator"),
  },
  billing_subscriptions: {
    relation: "billing.subscriptions",
    bound: "workspace_id",
    access: ["", "", "s", "s", "siu"],
    read: "anchor_at created_at ends_at id past_due_until plan_id starts_at status updated_at workspace_id",
    insert: same("anchor_at ends_at past_due_until plan_id starts_at status workspace_id", "operator"),
    update: same("ends_at past_due_until plan_id status", "operator"),
  },
  billing_subscription_history: {
    relation: "billing.subscription_history",
    bound: "workspace_id",
    access: managers,
    read: "anchor_at created_at ends_at id operation plan_id starts_at status subscription_id workspace_id",
  },
  usage_metrics: {
    relation: "usage.metrics",
    bound: null,
    access: readers,
    read: "description feed key kind title unit",
  },
  usage_meters: {
    relation: "usage.meters",
    bound: null,
    access: ["", "", "", "", "s"],
    read: "amount_expression created_at id live_filter member_expression metric relation table_name workspace_expression",
  },
  usage_current: {
    relation: "usage.current",
    bound: "workspace_id",
    access: readers,
    read: "cap_value enforcement forecast_at included kind limit_value metric overage percent period_start plan_id remaining reserved resets_at source status unit updated_at used workspace_id",
  },
  usage_member_current: {
    relation: "usage.member_current",
    bound: "workspace_id",
    access: readers,
    read: "kind limit_value member_id metric percent period_start remaining reserved resets_at source status unit updated_at used workspace_id",
  },
  usage_history: {
    relation: "usage.history",
    bound: "workspace_id",
    access: readers,
    read: "kind limit_value metric overage peak period_end period_start unit used workspace_id",
  },
  subscription_usage: {
    relation: "usage.subscription_usage",
    bound: "workspace_id",
    access: readers,
    read: "api_calls call_minutes created_at current_channels current_members current_storage_bytes files_uploaded id max_channels_reached max_members_reached max_storage_bytes_reached messages_sent metadata period period_end period_start stream_minutes subscription_id total_file_size_bytes total_messages updated_at workspace_id",
  },
  usage_alerts: {
    relation: "usage.alerts",
    bound: "workspace_id",
    access: ["", "s", "su", "s", "s"],
    read: "acknowledged_at created_at id kind limit_value metric period_start rearmed sequence threshold_percent threshold_value used workspace_id",
    update: same("acknowledged_at", "workspace_admin"),
  },
  usage_alert_rules: {
    relation: "usage.alert_rules",
    bound: "workspace_id",
    access: ["", "", "siud", "s", "s"],
    read: "created_at enabled id metric threshold_percent threshold_value workspace_id",
    insert: same("enabled metric threshold_percent threshold_value", "workspace_admin"),
    update: same("enabled", "workspace_admin"),
  },
  usage_api_keys: {
    relation: "usage.api_keys",
    bound: "workspace_id",
    access: ["", "", "s", "", "s"],
    read: "created_at created_by expires_at id last_used_at name prefix revoked_at scopes workspace_id",
  },
  usage_webhook_endpoints: {
    relation: "usage.webhook_endpoints",
    bound: "workspace_id",
    access: ["", "", "sud", "s", "s"],
    read: "created_at description disabled_reason enabled event_types failing_since id url workspace_id",
    update: same("description enabled", "workspace_admin"),
  },
  usage_webhook_deliveries: {
    relation: "usage.webhook_deliveries",
    bound: "workspace_id",
    access: managers,
    read: "attempts created_at delivered_at duration_ms endpoint_id error event_id event_type id last_attempt_at next_attempt_at payload response_status status workspace_id",
  },
  usage_webhook_attempts: {
    relation: "usage.webhook_attempts",
    bound: "workspace_id",
    access: managers,
    read: "attempt delivery_id duration_ms error response_status started_at workspace_id",
  },
  usage_ledger: {
    relation: "usage.ledger",
    bound: "workspace_id",
    access: managers,
    read: "allowed amount answer corrects created_at delta idempotency_key metric note occurred_at op workspace_id",
  },
  usage_reservations: {
    relation: "usage.reservations",
    bound: "workspace_id",
    access: managers,
    read: "amount committed_amount created_at expires_at id member_id metric period_start status workspace_id",
  },
  usage_api_calls: {
    relation: "usage.api_calls",
    bound: "workspace_id",
    access: managers,
    read: "api_key_id bytes_in bytes_out code count created_at errors hour id latency_ms_max latency_ms_min latency_ms_sum operation protocol refused role status user_id workspace_id",
  },
  usage_counters: {
    relation: "usage.counter_totals",
    bound: "workspace_id",
    access: managers,
    read: "alert_at alert_due metric period_start updated_at used workspace_id",
  },
  usage_peaks: {
    relation: "usage.peaks",
    bound: "workspace_id",
    access: managers,
    read: "metric peak period_start workspace_id",
  },
  usage_reconciliations: {
    relation: "usage.reconciliations",
    bound: "workspace_id",
    access: ["", "", "", "", "s"],
    read: "counted created_at drift id member_id metric period_start recounted repaired workspace_id",
  },
  analytics_events: {
    relation: "analytics.events",
    bound: "workspace_id",
    access: readers,
    read: "anonymous_id app_version attributes category channel_id event_id id name occurred_at platform properties received_at session_id source subject user_id workspace_id",
  },
  analytics_feature_usage: {
    relation: "analytics.feature_usage",
    bound: "workspace_id",
    access: readers,
    read: "feature_category feature_name id occurred_at platform usage_count user_id workspace_id",
  },
  analytics_performance: {
    relation: "analytics.performance",
    bound: "workspace_id",
    access: readers,
    read: "db_query_time_ms endpoint external_api_time_ms id method occurred_at response_time_ms status_code user_id workspace_id",
  },
  analytics_search_logs: {
    relation: "analytics.search_logs",
    bound: "workspace_id",
    access: readers,
    read: "clicked_result_id clicked_result_position id occurred_at query query_normalized result_count search_duration_ms user_id workspace_id",
  },
  analytics_user_activity: {
    relation: "analytics.user_activity",
    bound: "workspace_id",
    access: readers,
    read: "errors events features_used files_uploaded hour messages_sent page_views searches sessions user_actions user_id workspace_id",
  },
  analytics_channel_activity: {
    relation: "analytics.channel_activity",
    bound: "workspace_id",
    access: readers,
    read: "active_users channel_id events hour messages_count workspace_id",
  },
  analytics_retention: {
    relation: "analytics.retention",
    bound: null,
    access: ["", "", "", "", "s"],
    read: "keep_days table_name",
  },
};

/** What tracked functions return and no root field shows. */
export const hiddenTables: Readonly<Record<string, string>> = {
  usage_decisions:
    "allowed amount created_at id limit_value metric remaining reservation_id reserved resets_at used workspace_id",
};

/** Root fields that are no table's. */
export const calls: Readonly<Record<string, readonly Role[]>> = {
  usage_gate: ["user", "workspace_admin", "service"],
  accept_invitation: ["user", "workspace_admin"],
  checkUsage: ["user", "workspace_admin", "service", "operator"],
  consumeUsage: ["user", "workspace_admin", "service", "operator"],
  reserveUsage: ["user", "workspace_admin", "service", "operator"],
  commitUsage: ["user", "workspace_admin", "service", "operator"],
  releaseUsage: ["user", "workspace_admin", "service", "operator"],
  amendUsage: ["service", "operator"],
  voidUsage: ["service", "operator"],
  consumeUsages: ["user", "workspace_admin", "service", "operator"],
  reserveUsages: ["user", "workspace_admin", "service", "operator"],
  extendReservation: ["user", "workspace_admin", "service", "operator"],
  getCurrentUsage: ["user", "workspace_admin", "service", "operator"],
  createWebhook: ["workspace_admin"],
  createApiKey: ["workspace_admin"],
  revokeApiKey: ["workspace_admin"],
  rotateWebhookSecret: ["workspace_admin"],
  testWebhook: ["workspace_admin"],
  resendWebhook: ["workspace_admin"],
  trackEvents: ["user", "workspace_admin", "service"],
  suggestUpgrade: ["user", "workspace_admin", "service", "operator"],
};

export const may = (table: string, operation: Operation, role: Role): boolean =>
  (tables[table]?.access[roles.indexOf(role)] ?? "").includes(operation[0] ?? "-");

/** The table and operation that a root field stands for; null for a name that no table explains. */
export function tableField(field: string): { readonly table: string; readonly operation: Operation } | null {
  const write = /^(insert|update|delete)_(.+?)(?:_one|_many|_by_pk)?$/u.exec(field);
  if (write?.[2] !== undefined && write[2] in tables) {
    return { table: write[2], operation: write[1] as Operation };
  }
  const read = /^(.+?)(?:_by_pk|_aggregate|_stream)?$/u.exec(field)?.[1] ?? field;
  return read in tables ? { table: read, operation: "select" } : null;
}
