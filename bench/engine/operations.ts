import type { BenchWorkspace } from "./data.ts";

/** One thing that clients ask, for each of the servers. */
export interface BenchOperation {
  readonly name: string;
  readonly query: string;
  readonly variables: (workspace: BenchWorkspace) => Readonly<Record<string, unknown>>;
  /** The same answer by hand; its column is the JSON text of `data`. */
  readonly sql: string;
  readonly values: (workspace: BenchWorkspace) => readonly unknown[];
  /** What the permission of a mutation sets through a session setting, done by hand too. */
  readonly transaction?: boolean;
  readonly postgraphile?: string;
}

const list: BenchOperation = {
  name: "list",
  query: `query Latest($channel: uuid!) {
  messages(where: {channel_id: {_eq: $channel}}, order_by: {created_at: desc}, limit: 20) {
    id body created_at channel { id name }
  }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  sql: `select json_build_object('messages', coalesce(json_agg(q), '[]'))::text as data
from (
  select m.id, m.body, m.created_at, row_to_json(c) as channel
  from public.messages m
  left join lateral (
    select id, name from public.channels where id = m.channel_id and workspace_id = $1
  ) c on true
  where m.workspace_id = $1 and m.deleted_at is null and m.channel_id = $2
  order by m.created_at desc
  limit 20
) q`,
  values: ({ workspaceId, channelId }) => [workspaceId, channelId],
  postgraphile: `query Latest($workspace: UUID!, $channel: UUID!) {
  allMessages(condition: {workspaceId: $workspace, deletedAt: null, channelId: $channel}, orderBy: CREATED_AT_DESC, first: 20) {
    nodes { id body createdAt channelByChannelId { id name } }
  }
}`,
};

const byPrimaryKey: BenchOperation = {
  name: "by-pk",
  query: `query One($id: uuid!) { messages_by_pk(id: $id) { id body created_at user_id } }`,
  variables: ({ messageId }) => ({ id: messageId }),
  sql: `select json_build_object('messages_by_pk', (
  select row_to_json(q)
  from (
    select id, body, created_at, user_id
    from public.messages
    where id = $2 and workspace_id = $1 and deleted_at is null
  ) q
))::text as data`,
  values: ({ workspaceId, messageId }) => [workspaceId, messageId],
  postgraphile: `query One($channel: UUID!) { messageById(id: $channel) { id body createdAt userId } }`,
};

const filtered: BenchOperation = {
  name: "filtered",
  query: `query Named($name: String!) {
  messages(where: {channel: {name: {_eq: $name}}}, order_by: {created_at: desc}, limit: 20) { id body }
}`,
  variables: () => ({ name: "channel 3" }),
  sql: `select json_build_object('messages', coalesce(json_agg(q), '[]'))::text as data
from (
  select m.id, m.body
  from public.messages m
  where m.workspace_id = $1 and m.deleted_at is null
    and exists (
      select 1 from public.channels c where c.id = m.channel_id and c.workspace_id = $1 and c.name = $2
    )
  order by m.created_at desc
  limit 20
) q`,
  values: ({ workspaceId }) => [workspaceId, "channel 3"],
};

const aggregate: BenchOperation = {
  name: "aggregate",
  query: `query Count($channel: uuid!) {
  messages_aggregate(where: {channel_id: {_eq: $channel}}) { aggregate { count max { created_at } } }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  sql: `select json_build_object('messages_aggregate', json_build_object('aggregate', json_build_object(
  'count', count(*), 'max', json_build_object('created_at', max(created_at))
)))::text as data
from public.messages
where workspace_id = $1 and deleted_at is null and channel_id = $2`,
  values: ({ workspaceId, channelId }) => [workspaceId, channelId],
};

const severalRoots: BenchOperation = {
  name: "three-roots",
  query: `query Home($channel: uuid!) {
  channels_by_pk(id: $channel) { id name }
  messages(where: {channel_id: {_eq: $channel}}, order_by: {created_at: desc}, limit: 5) { id body }
  messages_aggregate(where: {channel_id: {_eq: $channel}}) { aggregate { count } }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  sql: `select json_build_object(
  'channels_by_pk', (
    select row_to_json(q) from (select id, name from public.channels where id = $2 and workspace_id = $1) q
  ),
  'messages', (
    select coalesce(json_agg(q), '[]')
    from (
      select id, body from public.messages
      where workspace_id = $1 and deleted_at is null and channel_id = $2
      order by created_at desc
      limit 5
    ) q
  ),
  'messages_aggregate', (
    select json_build_object('aggregate', json_build_object('count', count(*)))
    from public.messages
    where workspace_id = $1 and deleted_at is null and channel_id = $2
  )
)::text as data`,
  values: ({ workspaceId, channelId }) => [workspaceId, channelId],
};

const insert: BenchOperation = {
  name: "insert",
  query: `mutation Say($channel: uuid!, $body: String!) {
  insert_messages_one(object: {channel_id: $channel, body: $body}) { id }
}`,
  variables: ({ channelId }) => ({ channel: channelId, body: "Said by a bench." }),
  sql: `with i as (
  insert into public.messages (workspace_id, channel_id, user_id, body)
  select c.workspace_id, c.id, $3, $4 from public.channels c where c.id = $2 and c.workspace_id = $1
  returning id
)
select json_build_object('insert_messages_one', (select row_to_json(i) from i))::text as data`,
  values: ({ workspaceId, channelId, userId }) => [workspaceId, channelId, userId, "Said by a bench."],
  transaction: true,
};

export const operations: readonly BenchOperation[] = [
  list,
  byPrimaryKey,
  filtered,
  aggregate,
  severalRoots,
  insert,
];

export const operationOf = (name: string): BenchOperation => {
  const found = operations.find((operation) => operation.name === name);
  if (found === undefined) throw new Error(`no operation ${name}`);
  return found;
};
