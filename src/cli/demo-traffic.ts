import { ClientError, gql, type GraphQLClient } from "graphql-request";
import { type DemoWorkspace } from "./demo-world.ts";

/** Deterministic pseudo-random numbers (mulberry32), so that every run of the demonstration plays the same month. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Runs the tasks with at most `width` at a time. */
export async function runAll(
  tasks: readonly (() => Promise<void>)[],
  width: number,
  onDone: () => void,
): Promise<void> {
  const queue = tasks[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const task of { [Symbol.iterator]: () => queue }) {
      await task();
      onDone();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** What the traffic saw; `aiQueries` is the only count that no table row stands for. */
export interface Tally {
  accepted: number;
  refused: number;
  aiQueries: number;
  readonly refusals: Map<string, number>;
}

export const createTally = (): Tally => ({ accepted: 0, refused: 0, aiQueries: 0, refusals: new Map() });

/** Sends one mutation; a refusal by a limit is counted, anything else is thrown. */
async function send(
  client: GraphQLClient,
  tally: Tally,
  document: string,
  variables: Record<string, unknown>,
): Promise<void> {
  try {
    await client.request(document, variables);
    tally.accepted += 1;
  } catch (error) {
    const first = error instanceof ClientError ? error.response.errors?.[0] : undefined;
    if (first?.extensions["code"] !== "usage-limit-exceeded") throw error;
    tally.refused += 1;
    tally.refusals.set(first.message, (tally.refusals.get(first.message) ?? 0) + 1);
  }
}

const documents = {
  invite: gql`
    mutation ($email: String!) {
      insert_workspace_invitations_one(object: { email: $email, role: "member" }) {
        id
      }
    }
  `,
  join: gql`
    mutation ($invitationId: uuid!) {
      accept_invitation(args: { invitation_id: $invitationId }) {
        accepted_at
      }
    }
  `,
  channel: gql`
    mutation ($name: String!) {
      insert_channels_one(object: { name: $name }) {
        id
      }
    }
  `,
  message: gql`
    mutation ($channelId: uuid!, $body: String!) {
      insert_messages_one(object: { channel_id: $channelId, body: $body }) {
        id
      }
    }
  `,
  upload: gql`
    mutation ($name: String!, $size: bigint!) {
      insert_files_one(object: { name: $name, size_bytes: $size, status: "ready" }) {
        id
      }
    }
  `,
  call: gql`
    mutation ($startedAt: timestamptz!, $endedAt: timestamptz!) {
      insert_calls_one(object: { started_at: $startedAt, ended_at: $endedAt }) {
        id
      }
    }
  `,
  ai: gql`
    mutation ($workspaceId: uuid!, $key: String!) {
      consumeUsage(workspaceId: $workspaceId, metric: "ai_queries", amount: 1, idempotencyKey: $key) {
        allowed
        reason
      }
    }
  `,
} as const;

export interface MonthSize {
  readonly joins: number;
  readonly channels: number;
  readonly messages: number;
  readonly uploads: number;
  readonly calls: number;
  readonly aiQueries: number;
}

/** The month of one workspace as shuffled tasks; `firstChannelId` takes the messages. */
export function planMonth(
  workspace: DemoWorkspace,
  firstChannelId: string,
  size: MonthSize,
  random: () => number,
  tally: Tally,
): (() => Promise<void>)[] {
  const { user, manager, id } = workspace;
  const tasks: (() => Promise<void>)[] = [];
  const add = (count: number, make: (index: number) => () => Promise<void>): void => {
    for (let index = 0; index < count; index += 1) tasks.push(make(index));
  };
  for (const { email, client } of workspace.recruits.slice(0, size.joins)) {
    tasks.push(async () => {
      const invited = await manager.request<{ insert_workspace_invitations_one: { id: string } }>(
        documents.invite,
        { email },
      );
      await send(client, tally, documents.join, {
        invitationId: invited.insert_workspace_invitations_one.id,
      });
    });
  }
  add(
    size.channels,
    (index) => () => send(user, tally, documents.channel, { name: `channel-${String(index + 1)}` }),
  );
  add(
    size.messages,
    (index) => () =>
      send(user, tally, documents.message, { channelId: firstChannelId, body: `message ${String(index)}` }),
  );
  add(size.uploads, (index) => {
    const bytes = Math.floor(random() * 40 * 1024 * 1024) + 1;
    return () => send(user, tally, documents.upload, { name: `file-${String(index)}`, size: bytes });
  });
  add(size.calls, () => {
    const start = Date.now() - Math.floor(random() * 86_400_000);
    const end = start + (60 + Math.floor(random() * 1_800)) * 1_000;
    const startedAt = new Date(start).toISOString();
    return () => send(user, tally, documents.call, { startedAt, endedAt: new Date(end).toISOString() });
  });
  add(size.aiQueries, (index) => async () => {
    const answer = await user.request<{ consumeUsage: { allowed: boolean; reason: string | null } }>(
      documents.ai,
      {
        workspaceId: id,
        key: `demo-ai-${String(index)}`,
      },
    );
    if (answer.consumeUsage.allowed) {
      tally.accepted += 1;
      tally.aiQueries += 1;
    } else {
      tally.refused += 1;
      const reason = `ai_queries: ${answer.consumeUsage.reason ?? "refused"}`;
      tally.refusals.set(reason, (tally.refusals.get(reason) ?? 0) + 1);
    }
  });
  for (let index = tasks.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const [a, b] = [tasks[index], tasks[other]];
    if (a !== undefined && b !== undefined) [tasks[index], tasks[other]] = [b, a];
  }
  return tasks;
}
