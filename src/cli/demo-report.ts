import { gql, type GraphQLClient } from "graphql-request";

export interface ReportRow {
  readonly metric: string;
  readonly used: bigint;
  readonly limit: bigint | null;
  readonly recount: bigint | null;
}

/** Counts the source rows themselves, apart from every counter. */
const recount = gql`
  query ($id: uuid!) {
    usage_current(where: { workspace_id: { _eq: $id } }, order_by: { metric: asc }) {
      metric
      used
      limit_value
    }
    members: workspace_members_aggregate(where: { workspace_id: { _eq: $id } }) {
      aggregate {
        count
      }
    }
    channels: channels_aggregate(where: { workspace_id: { _eq: $id }, archived_at: { _is_null: true } }) {
      aggregate {
        count
      }
    }
    messages: messages_aggregate(where: { workspace_id: { _eq: $id } }) {
      aggregate {
        count
      }
    }
    files: files_aggregate(where: { workspace_id: { _eq: $id } }) {
      aggregate {
        count
        sum {
          size_bytes
        }
      }
    }
    calls(where: { workspace_id: { _eq: $id }, ended_at: { _is_null: false } }) {
      started_at
      ended_at
    }
  }
`;

interface Counted {
  readonly aggregate: {
    readonly count: number;
    readonly sum?: { readonly size_bytes: number | string | null };
  };
}

interface Answer {
  readonly usage_current: readonly {
    metric: string;
    used: number | string;
    limit_value: number | string | null;
  }[];
  readonly members: Counted;
  readonly channels: Counted;
  readonly messages: Counted;
  readonly files: Counted;
  readonly calls: readonly { started_at: string; ended_at: string }[];
}

/** Used, limit and recount of each metric that the traffic touched. */
export async function readReport(
  admin: GraphQLClient,
  workspaceId: string,
  aiQueries: number,
): Promise<readonly ReportRow[]> {
  const answer = await admin.request<Answer>(recount, { id: workspaceId });
  const bytes = BigInt(answer.files.aggregate.sum?.size_bytes ?? 0);
  const seconds = answer.calls.reduce(
    (sum, call) => sum + Math.round((Date.parse(call.ended_at) - Date.parse(call.started_at)) / 1_000),
    0,
  );
  const counted: Readonly<Record<string, bigint>> = {
    members: BigInt(answer.members.aggregate.count),
    channels: BigInt(answer.channels.aggregate.count),
    messages: BigInt(answer.messages.aggregate.count),
    files_uploaded: BigInt(answer.files.aggregate.count),
    storage_bytes: bytes,
    uploaded_bytes: bytes,
    call_seconds: BigInt(seconds),
    ai_queries: BigInt(aiQueries),
  };
  return answer.usage_current
    .filter(({ metric }) => Object.hasOwn(counted, metric))
    .map(({ metric, used, limit_value }) => ({
      metric,
      used: BigInt(used),
      limit: limit_value === null ? null : BigInt(limit_value),
      recount: counted[metric] ?? null,
    }));
}
