import type { BenchWorkspace } from "./data.ts";

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type Data = Readonly<Record<string, Json>>;

/** How the hand-written server answers: with a statement, or by asking the webhook itself. */
export type HandWritten =
  | {
      readonly kind: "sql";
      /** A column for each field of `data`, of its JSON text: the server pastes it. */
      readonly sql: string;
      readonly values: (workspace: BenchWorkspace) => readonly unknown[];
    }
  | {
      readonly kind: "action";
      readonly action: string;
      readonly fields: readonly string[];
      readonly values: (workspace: BenchWorkspace) => readonly unknown[];
    };

export interface PostGraphileOperation {
  readonly query: string;
  readonly variables: (workspace: BenchWorkspace) => Readonly<Record<string, unknown>>;
  /** Its answer in the engine's names, or as much of it as PostGraphile can say. */
  readonly answer: (data: unknown) => Data;
  /** What the engine answers beyond that. */
  readonly without?: string;
}

/** One thing that clients ask, for each of the servers. */
export interface BenchOperation {
  readonly name: string;
  readonly query: string;
  readonly variables: (workspace: BenchWorkspace) => Readonly<Record<string, unknown>>;
  readonly byHand: HandWritten;
  readonly postgraphile?: PostGraphileOperation;
  /** Answers differ from call to call: a new row has a new key. */
  readonly writes?: boolean;
}

interface Nodes<T> {
  readonly nodes: readonly T[];
}

interface MessageNode {
  readonly rowId: string;
  readonly body: string;
  readonly createdAt: string;
  readonly userId: string;
  readonly channelByChannelId: { readonly rowId: string; readonly name: string };
}

const idAndBody = ({ rowId, body }: MessageNode): Json => ({ id: rowId, body });

const list: BenchOperation = {
  name: "list",
  query: `query Latest($channel: uuid!) {
  messages(where: {channel_id: {_eq: $channel}}, order_by: {created_at: desc}, limit: 20) {
    id body created_at channel { id name }
  }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  byHand: {
    kind: "sql",
    // The page is cut before anything is joined to it: joined first, this was a third slower.
    sql: `select coalesce(json_agg(q), '[]') as messages
from (
  select m.id, m.body, m.created_at, c.channel
  from (
    select id, body, created_at, channel_id
    from public.messages
    where workspace_id = $1 and deleted_at is null and channel_id = $2
    order by created_at desc
    limit 20
  ) m
  left join lateral (
    select row_to_json(r) as channel
    from (select id, name from public.channels where id = m.channel_id and workspace_id = $1) r
  ) c on true
  order by m.created_at desc
) q`,
    values: ({ workspaceId, channelId }) => [workspaceId, channelId],
  },
  postgraphile: {
    query: `query Latest($channel: UUID!) {
  allMessages(condition: {channelId: $channel}, orderBy: CREATED_AT_DESC, first: 20) {
    nodes { rowId body createdAt channelByChannelId { rowId name } }
  }
}`,
    variables: ({ channelId }) => ({ channel: channelId }),
    answer: (data) => ({
      messages: (data as { allMessages: Nodes<MessageNode> }).allMessages.nodes.map((node) => ({
        id: node.rowId,
        body: node.body,
        created_at: node.createdAt,
        channel: { id: node.channelByChannelId.rowId, name: node.channelByChannelId.name },
      })),
    }),
  },
};

const byPrimaryKey: BenchOperation = {
  name: "by-pk",
  query: `query One($id: uuid!) { messages_by_pk(id: $id) { id body created_at user_id } }`,
  variables: ({ messageId }) => ({ id: messageId }),
  byHand: {
    kind: "sql",
    sql: `select row_to_json(q) as messages_by_pk
from (
  select id, body, created_at, user_id
  from public.messages
  where id = $2 and workspace_id = $1 and deleted_at is null
) q`,
    values: ({ workspaceId, messageId }) => [workspaceId, messageId],
  },
  postgraphile: {
    query: `query One($id: UUID!) { messageByRowId(rowId: $id) { rowId body createdAt userId } }`,
    variables: ({ messageId }) => ({ id: messageId }),
    answer: (data) => {
      const { rowId, body, createdAt, userId } = (data as { messageByRowId: MessageNode }).messageByRowId;
      return { messages_by_pk: { id: rowId, body, created_at: createdAt, user_id: userId } };
    },
  },
};

const filtered: BenchOperation = {
  name: "filtered",
  query: `query Named($name: String!) {
  messages(where: {channel: {name: {_eq: $name}}}, order_by: {created_at: desc}, limit: 20) { id body }
}`,
  variables: () => ({ name: "channel 3" }),
  byHand: {
    kind: "sql",
    // A channel's key is unique, so joining it repeats no message.
    sql: `select coalesce(json_agg(q), '[]') as messages
from (
  select m.id, m.body
  from public.channels c
  join public.messages m on m.channel_id = c.id and m.workspace_id = $1 and m.deleted_at is null
  where c.workspace_id = $1 and c.name = $2
  order by m.created_at desc
  limit 20
) q`,
    values: ({ workspaceId }) => [workspaceId, "channel 3"],
  },
  postgraphile: {
    // Its core cannot filter by a relation; a name occurs once in a workspace, so the way through the channel is the same.
    query: `query Named($name: String!) {
  allChannels(condition: {name: $name}) {
    nodes { messagesByChannelId(orderBy: CREATED_AT_DESC, first: 20) { nodes { rowId body } } }
  }
}`,
    variables: () => ({ name: "channel 3" }),
    answer: (data) => {
      const { nodes } = (data as { allChannels: Nodes<{ messagesByChannelId: Nodes<MessageNode> }> })
        .allChannels;
      return { messages: nodes.flatMap((node) => node.messagesByChannelId.nodes.map(idAndBody)) };
    },
  },
};

const aggregate: BenchOperation = {
  name: "aggregate",
  query: `query Count($channel: uuid!) {
  messages_aggregate(where: {channel_id: {_eq: $channel}}) { aggregate { count max { created_at } } }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  byHand: {
    kind: "sql",
    sql: `select json_build_object('aggregate', json_build_object(
  'count', count(*), 'max', json_build_object('created_at', max(created_at))
)) as messages_aggregate
from public.messages
where workspace_id = $1 and deleted_at is null and channel_id = $2`,
    values: ({ workspaceId, channelId }) => [workspaceId, channelId],
  },
  postgraphile: {
    // Its core counts; the greatest of a column is the work of another plugin.
    query: `query Count($channel: UUID!) { allMessages(condition: {channelId: $channel}) { totalCount } }`,
    variables: ({ channelId }) => ({ channel: channelId }),
    answer: (data) => ({
      messages_aggregate: {
        aggregate: { count: (data as { allMessages: { totalCount: number } }).allMessages.totalCount },
      },
    }),
    without: "max",
  },
};

const severalRoots: BenchOperation = {
  name: "three-roots",
  query: `query Home($channel: uuid!) {
  channels_by_pk(id: $channel) { id name }
  messages(where: {channel_id: {_eq: $channel}}, order_by: {created_at: desc}, limit: 5) { id body }
  messages_aggregate(where: {channel_id: {_eq: $channel}}) { aggregate { count } }
}`,
  variables: ({ channelId }) => ({ channel: channelId }),
  byHand: {
    kind: "sql",
    sql: `select (
  select row_to_json(q) from (select id, name from public.channels where id = $2 and workspace_id = $1) q
) as channels_by_pk, (
  select coalesce(json_agg(q), '[]')
  from (
    select id, body from public.messages
    where workspace_id = $1 and deleted_at is null and channel_id = $2
    order by created_at desc
    limit 5
  ) q
) as messages, (
  select json_build_object('aggregate', json_build_object('count', count(*)))
  from public.messages
  where workspace_id = $1 and deleted_at is null and channel_id = $2
) as messages_aggregate`,
    values: ({ workspaceId, channelId }) => [workspaceId, channelId],
  },
  postgraphile: {
    query: `query Home($channel: UUID!) {
  channelByRowId(rowId: $channel) { rowId name }
  allMessages(condition: {channelId: $channel}, orderBy: CREATED_AT_DESC, first: 5) {
    nodes { rowId body }
    totalCount
  }
}`,
    variables: ({ channelId }) => ({ channel: channelId }),
    answer: (data) => {
      const { channelByRowId, allMessages } = data as {
        channelByRowId: { rowId: string; name: string };
        allMessages: Nodes<MessageNode> & { totalCount: number };
      };
      return {
        channels_by_pk: { id: channelByRowId.rowId, name: channelByRowId.name },
        messages: allMessages.nodes.map(idAndBody),
        messages_aggregate: { aggregate: { count: allMessages.totalCount } },
      };
    },
  },
};

const insert: BenchOperation = {
  name: "insert",
  query: `mutation Say($channel: uuid!, $body: String!) {
  insert_messages_one(object: {channel_id: $channel, body: $body}) { id body }
}`,
  variables: ({ channelId }) => ({ channel: channelId, body: "Said by a bench." }),
  byHand: {
    kind: "sql",
    // One statement commits by itself: the check of the permission is in what it inserts from.
    sql: `with i as (
  insert into public.messages (workspace_id, channel_id, user_id, body)
  select workspace_id, id, $3, $4
  from public.channels
  where id = $2 and workspace_id = $1
  returning id, body
)
select row_to_json(i) as insert_messages_one from i`,
    values: ({ workspaceId, channelId, userId }) => [workspaceId, channelId, userId, "Said by a bench."],
  },
  postgraphile: {
    query: `mutation Say($workspace: UUID!, $channel: UUID!, $user: UUID!, $body: String!) {
  createMessage(input: {message: {workspaceId: $workspace, channelId: $channel, userId: $user, body: $body}}) {
    message { rowId body }
  }
}`,
    variables: ({ workspaceId, channelId, userId }) => ({
      workspace: workspaceId,
      channel: channelId,
      user: userId,
      body: "Said by a bench.",
    }),
    answer: (data) => ({
      insert_messages_one: idAndBody(
        (data as { createMessage: { message: MessageNode } }).createMessage.message,
      ),
    }),
  },
  writes: true,
};

const action: BenchOperation = {
  name: "action",
  query: `query Check($workspace: uuid!) {
  checkUsage(workspaceId: $workspace, metric: "ai_queries", amount: 1) { allowed metric used limit remaining }
}`,
  variables: ({ workspaceId }) => ({ workspace: workspaceId }),
  byHand: {
    kind: "action",
    action: "checkUsage",
    fields: ["allowed", "metric", "used", "limit", "remaining"],
    values: ({ workspaceId }) => [{ workspaceId, metric: "ai_queries", amount: 1 }],
  },
};

export const operations: readonly BenchOperation[] = [
  list,
  byPrimaryKey,
  filtered,
  aggregate,
  severalRoots,
  insert,
  action,
];

export const operationOf = (name: string): BenchOperation => {
  const found = operations.find((operation) => operation.name === name);
  if (found === undefined) throw new Error(`no operation ${name}`);
  return found;
};
