import { gql, type GraphQLClient } from "graphql-request";
import { type EventTally, expectedEvents } from "./demo-events.ts";

const counts = gql`
  query ($id: uuid!) {
    analytics_events_aggregate(where: { workspace_id: { _eq: $id } }) {
      aggregate {
        count
      }
    }
    analytics_feature_usage(where: { workspace_id: { _eq: $id } }) {
      feature_name
    }
    analytics_search_logs_aggregate(where: { workspace_id: { _eq: $id } }) {
      aggregate {
        count
      }
    }
    analytics_user_activity(where: { workspace_id: { _eq: $id } }) {
      events
      page_views
      searches
      user_actions
    }
  }
`;

interface Aggregate {
  readonly aggregate: { readonly count: number };
}

interface Counts {
  readonly analytics_events_aggregate: Aggregate;
  readonly analytics_feature_usage: readonly { readonly feature_name: string }[];
  readonly analytics_search_logs_aggregate: Aggregate;
  readonly analytics_user_activity: readonly {
    readonly events: number;
    readonly page_views: number;
    readonly searches: number;
    readonly user_actions: number;
  }[];
}

export interface EventReport {
  readonly stored: number;
  readonly hours: number;
  readonly counted: number;
  /** Times that each feature was used, most first. */
  readonly features: readonly (readonly [string, number])[];
  /** Figures that are not what was sent, as `name: found instead of expected`. */
  readonly differences: readonly string[];
}

/** Reads back what became of the events: the rows, the tables of details and the hourly counts. */
export async function readEventReport(
  admin: GraphQLClient,
  workspaceId: string,
  tally: EventTally,
): Promise<EventReport> {
  const answer = await admin.request<Counts>(counts, { id: workspaceId });
  const hours = answer.analytics_user_activity;
  const sum = (key: keyof Counts["analytics_user_activity"][number]): number =>
    hours.reduce((total, hour) => total + hour[key], 0);
  const used = new Map<string, number>();
  for (const { feature_name: name } of answer.analytics_feature_usage)
    used.set(name, (used.get(name) ?? 0) + 1);
  const stored = answer.analytics_events_aggregate.aggregate.count;
  const compared: readonly (readonly [string, number, number])[] = [
    ["answers", tally.stored, expectedEvents.events],
    ["duplicates", tally.duplicates, tally.sent - expectedEvents.events],
    ["events", stored, expectedEvents.events],
    ["feature usage", answer.analytics_feature_usage.length, expectedEvents.features],
    ["search logs", answer.analytics_search_logs_aggregate.aggregate.count, expectedEvents.searches],
    ["counted by hour", sum("events"), expectedEvents.events],
    ["page views by hour", sum("page_views"), expectedEvents.pageViews],
    ["searches by hour", sum("searches"), expectedEvents.searches],
    ["user actions by hour", sum("user_actions"), expectedEvents.userActions],
  ];
  return {
    stored,
    hours: hours.length,
    counted: sum("events"),
    features: [...used].sort(([, one], [, other]) => other - one),
    differences: compared.flatMap(([name, found, expected]) =>
      found === expected ? [] : [`${name}: ${String(found)} instead of ${String(expected)}`],
    ),
  };
}
