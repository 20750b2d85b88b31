/** Operations whose SQL and answers stand in tests/fixtures/golden. Only what the seeds fix is selected: no time, no new id. */
export interface GoldenOperation {
  /** The file's name. */
  readonly name: string;
  readonly role: string;
  readonly session: Readonly<Record<string, string>>;
  readonly document: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

const acme = "a0000000-0000-4000-8000-000000000001";
const globex = "a0000000-0000-4000-8000-000000000002";
const general = "c0000000-0000-4000-8000-000000000001";
const ada = { "x-hasura-user-id": "b0000000-0000-4000-8000-000000000001", "x-hasura-workspace-id": acme };
const dan = { "x-hasura-user-id": "b0000000-0000-4000-8000-000000000004", "x-hasura-workspace-id": globex };
const backend = { "x-hasura-workspace-id": acme };

const as =
  (role: string, session: Readonly<Record<string, string>>) =>
  (name: string, document: string, variables: Readonly<Record<string, unknown>> = {}): GoldenOperation => ({
    name,
    role,
    session,
    document,
    variables,
  });
const anonymous = as("anonymous", {});
const user = as("user", ada);
const stranger = as("user", dan);
const manager = as("workspace_admin", ada);
const service = as("service", backend);
const operator = as("operator", {});
const admin = as("admin", {});

export const operations: readonly GoldenOperation[] = [
  anonymous(
    "plans-with-limits",
    `{
      billing_plans(order_by: { rank: asc }) {
        id
        price_cents
        limits(where: { metric: { _in: ["messages", "channels"] } }, order_by: { metric: asc }) { metric limit_value }
      }
    }`,
  ),
  anonymous("plan-by-pk", `{ billing_plans_by_pk(id: "pro") { name rate_limit_per_minute } }`),
  anonymous("table-not-visible", `{ messages { id } }`),

  user(
    "list-to-one",
    `{ messages(order_by: { id: asc }, limit: 3) { id body channel { name } user { display_name } } }`,
  ),
  user(
    "list-to-many",
    `{ channels(order_by: { name: asc }) { name messages(order_by: { id: desc }, limit: 1) { body } } }`,
  ),
  user("by-pk", `query ($id: uuid!) { channels_by_pk(id: $id) { name } }`, { id: general }),
  user("by-pk-of-another-workspace", `query ($id: uuid!) { channels_by_pk(id: $id) { name } }`, {
    id: "c0000000-0000-4000-8000-000000000004",
  }),
  user(
    "filter-through-relationship",
    `query ($name: String!) {
      messages(where: { channel: { name: { _eq: $name } } }, order_by: { id: asc }) { body }
    }`,
    { name: "engineering" },
  ),
  user("filter-to-many", `{ channels(where: { messages: { body: { _ilike: "%release%" } } }) { name } }`),
  user(
    "filter-logic",
    `{
      files(
        where: { _or: [{ size_bytes: { _gt: 1000000 } }, { _not: { name: { _like: "%.pdf" } } }], status: { _eq: "ready" } }
        order_by: [{ size_bytes: desc }, { id: asc }]
      ) { name size_bytes }
    }`,
  ),
  user(
    "filter-null-variable",
    `query ($name: String) { channels(where: { name: { _eq: $name } }) { name } }`,
    {
      name: null,
    },
  ),
  user(
    "filter-in-and-regex",
    `{ files(where: { name: { _regex: "^[a-h]" }, status: { _in: ["ready", "pending"] } }, order_by: { name: asc }) { name } }`,
  ),
  user(
    "order-through-relationship",
    `{ messages(order_by: [{ channel: { name: desc } }, { id: asc }]) { body } }`,
  ),
  user(
    "order-by-aggregate",
    `{ channels(order_by: [{ messages_aggregate: { count: desc } }, { name: asc }]) { name } }`,
  ),
  user("page", `query ($skip: Int!) { files(order_by: { id: asc }, limit: 2, offset: $skip) { name } }`, {
    skip: 1,
  }),
  user(
    "distinct",
    `{ messages(distinct_on: channel_id, order_by: [{ channel_id: asc }, { id: desc }]) { body } }`,
  ),
  user(
    "aggregate",
    `{ files_aggregate { aggregate { count sum { size_bytes } max { size_bytes } avg { size_bytes } } nodes { name } } }`,
  ),
  user(
    "aggregate-nested",
    `{ channels(order_by: { name: asc }) { name messages_aggregate { aggregate { count(columns: user_id, distinct: true) } } } }`,
  ),
  user(
    "usage-current",
    `{ usage_current(where: { metric: { _in: ["messages", "channels", "storage_bytes"] } }, order_by: { metric: asc }) {
      metric used reserved limit_value remaining percent status
    } }`,
  ),
  stranger(
    "usage-current-of-another-plan",
    `{ usage_current(where: { metric: { _eq: "messages" } }) { used limit_value } }`,
  ),
  user(
    "aliases-and-fragments",
    `query ($long: Boolean!) { few: channels(limit: 1, order_by: { name: asc }) { ...names } all: channels(order_by: { name: desc }) { ...names } }
     fragment names on channels { title: name creator @include(if: $long) { display_name } }`,
    { long: true },
  ),
  user("introspection", `{ __type(name: "channels_set_input") { inputFields { name } } }`),
  user("column-not-visible", `{ messages { workspace { plan_secret } } }`),
  user("value-not-valid", `{ channels(where: { id: { _eq: "no uuid" } }) { name } }`),

  user(
    "insert-one",
    `mutation { insert_channels_one(object: { name: "design" }) { name creator { display_name } } }`,
  ),
  user(
    "insert-nested",
    `mutation {
      insert_channels_one(object: { name: "design", messages: { data: [{ body: "First" }, { body: "Second" }] } }) {
        name
        messages(order_by: { body: asc }) { body }
      }
    }`,
  ),
  user(
    "insert-check-fails",
    `mutation ($channel: uuid!) { insert_messages_one(object: { channel_id: $channel, body: "Hello" }) { body } }`,
    { channel: "c0000000-0000-4000-8000-000000000004" },
  ),
  user(
    "insert-preset-not-settable",
    `mutation ($w: uuid!) { insert_channels_one(object: { name: "x", workspace_id: $w }) { name } }`,
    {
      w: globex,
    },
  ),
  user(
    "update",
    `mutation { update_messages(where: { body: { _like: "Welcome%" } }, _set: { body: "Welcome!" }) { affected_rows returning { body } } }`,
  ),
  user(
    "update-by-pk",
    `mutation ($id: uuid!) { update_channels_by_pk(pk_columns: { id: $id }, _set: { name: "all" }) { name } }`,
    {
      id: general,
    },
  ),
  user(
    "delete",
    `mutation { delete_files(where: { name: { _eq: "handbook.pdf" } }) { affected_rows returning { name } } }`,
  ),
  user(
    "two-mutations",
    `mutation {
      insert_channels(objects: [{ name: "one" }, { name: "two" }]) { affected_rows }
      update_channels(where: { name: { _eq: "one" } }, _set: { name: "first" }) { returning { name } }
    }`,
  ),
  manager(
    "update-many",
    `mutation {
      update_workspace_members_many(updates: [
        { where: { user: { display_name: { _eq: "Cleo" } } }, _set: { role: "guest" } }
        { where: { user: { display_name: { _eq: "Nobody" } } }, _set: { role: "guest" } }
      ]) { affected_rows returning { role } }
    }`,
  ),
  manager(
    "delete-by-pk",
    `mutation { delete_bots_by_pk(id: "90000000-0000-4000-8000-000000000001") { name } }`,
  ),
  manager(
    "usage-per-plan",
    `{ billing_subscriptions { status plan { id } workspace { name members_aggregate { aggregate { count } } } } }`,
  ),

  user(
    "action-check-usage",
    `query ($w: uuid!) { checkUsage(workspaceId: $w, metric: "messages", amount: "5") { allowed used limit remaining } }`,
    { w: acme },
  ),
  user(
    "action-of-another-workspace",
    `query ($w: uuid!) { checkUsage(workspaceId: $w, metric: "messages") { allowed } }`,
    { w: globex },
  ),
  service(
    "action-consume-usage",
    `mutation ($w: uuid!) { consumeUsage(workspaceId: $w, metric: "ai_queries", amount: "2") { allowed used remaining } }`,
    { w: acme },
  ),
  service(
    "function-usage-gate",
    `mutation { usage_gate(args: { metric: "ai_queries", amount: "1" }) { metric amount allowed } }`,
  ),
  operator(
    "across-workspaces",
    `{ workspaces(order_by: { name: asc }) { name owner { display_name } channels_aggregate { aggregate { count } } } }`,
  ),
  operator(
    "override-upsert",
    `mutation ($w: uuid!) {
      insert_billing_limit_overrides_one(object: {
        workspace_id: $w, metric: "messages", limit_value: "7", starts_at: "2026-01-01T00:00:00Z", reason: "trial"
      }) { metric limit_value reason }
    }`,
    { w: globex },
  ),
  admin(
    "upsert",
    `mutation ($w: uuid!) {
      insert_bots(
        objects: [{ id: "90000000-0000-4000-8000-000000000002", workspace_id: $w, name: "Renamed" }]
        on_conflict: { constraint: bots_pkey, update_columns: [name], where: { name: { _eq: "Standup bot" } } }
      ) { affected_rows returning { name } }
    }`,
    { w: globex },
  ),
];
