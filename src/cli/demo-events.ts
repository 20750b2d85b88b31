import { gql } from "graphql-request";
import { type DemoWorkspace } from "./demo-world.ts";

/** What the workspace of one plan sent as events, by the door's own answers. */
export interface EventTally {
  sent: number;
  stored: number;
  duplicates: number;
  invalid: number;
}

const features = ["editor", "export", "search", "huddles", "reactions"] as const;
const hourMs = 3_600_000;
const size = { features: 60, pages: 25, searches: 15, cloudEvents: 40, actions: 20 } as const;

/** Stored events that are counted by category; the rest is counted as events alone. */
export const expectedEvents = {
  events: size.features + size.pages + size.searches + size.cloudEvents + size.actions,
  features: size.features,
  pageViews: size.pages,
  searches: size.searches,
  userActions: size.actions,
} as const;

type Random = () => number;
type Event = Readonly<Record<string, unknown>>;

const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;

/** Within the last hours, so that more than one of them is counted. */
const lately = (nowMs: number, random: Random): string =>
  new Date(nowMs - Math.floor(random() * 5 * hourMs)).toISOString();

const plainEvents = (nowMs: number, random: Random): readonly Event[] => {
  const make = (count: number, category: string, name: string, data: () => Event): readonly Event[] =>
    Array.from({ length: count }, (_, index) => ({
      id: `${category}-${String(index)}`,
      source: "demo",
      event_type: name,
      event_category: category,
      event_data: data(),
      timestamp: lately(nowMs, random),
      session_id: `session-${String(index % 4)}`,
      platform: "web",
    }));
  return [
    ...make(size.features, "feature_usage", "feature used", () => ({ feature_name: pick(features, random) })),
    ...make(size.pages, "page_view", "page viewed", () => ({ path: "/channels/general" })),
    ...make(size.searches, "search", "searched", () => ({ query: "quarterly report", result_count: 3 })),
  ];
};

const cloudEvents = (nowMs: number, random: Random): readonly Event[] =>
  Array.from({ length: size.cloudEvents }, (_, index) => ({
    specversion: "1.0",
    id: `call-${String(index)}`,
    source: "/demo/calls",
    type: "com.example.call.ended",
    time: lately(nowMs, random),
    data: { participants: 2 + Math.floor(random() * 5) },
  }));

const trackEvents = gql`
  mutation ($workspaceId: uuid!, $events: [TrackEventInput!]!) {
    trackEvents(workspaceId: $workspaceId, events: $events) {
      accepted
      duplicates
      invalid
    }
  }
`;

interface Answer {
  readonly tracked: number;
  readonly duplicates: number;
  readonly failed: number;
}

/**
 * Sends events in each way there is: a list, a batch of CloudEvents, and the action. As a client would that never heard
 * an answer, it then sends the list whole and half of the CloudEvents again.
 */
export async function playEvents(
  gateway: string,
  { id, token, user }: DemoWorkspace,
  nowMs: number,
  random: Random,
): Promise<EventTally> {
  const tally: EventTally = { sent: 0, stored: 0, duplicates: 0, invalid: 0 };
  const note = (sent: number, { tracked, duplicates, failed }: Answer): void => {
    tally.sent += sent;
    tally.stored += tracked;
    tally.duplicates += duplicates;
    tally.invalid += failed;
  };
  const post = async (type: string, events: readonly Event[]): Promise<void> => {
    const response = await fetch(`${gateway}/api/analytics/track`, {
      method: "POST",
      headers: { "content-type": type, authorization: `Bearer ${token}` },
      body: JSON.stringify(events),
    });
    if (!response.ok) throw new Error(`events: ${String(response.status)} ${await response.text()}`);
    note(events.length, (await response.json()) as Answer);
  };
  const plain = plainEvents(nowMs, random);
  const calls = cloudEvents(nowMs, random);
  await post("application/json", plain);
  await post("application/cloudevents-batch+json", calls);
  const actions = Array.from({ length: size.actions }, (_, index) => ({
    id: `action-${String(index)}`,
    type: "button pressed",
    category: "user_action",
    time: lately(nowMs, random),
    data: { button: "save" },
  }));
  const { trackEvents: answer } = await user.request<{
    readonly trackEvents: {
      readonly accepted: number;
      readonly duplicates: number;
      readonly invalid: number;
    };
  }>(trackEvents, { workspaceId: id, events: actions });
  note(actions.length, {
    tracked: answer.accepted,
    duplicates: answer.duplicates,
    failed: answer.invalid,
  });
  await post("application/json", plain);
  await post("application/cloudevents-batch+json", calls.slice(0, calls.length / 2));
  return tally;
}

/** What the cron trigger does every hour, at once. */
export async function countHours(actions: string, actionSecret: string, now: Date): Promise<void> {
  const response = await fetch(`${actions}/cron/analytics_roll_activity`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-action-secret": actionSecret },
    body: JSON.stringify({ scheduled_time: now.toISOString() }),
  });
  if (!response.ok) throw new Error(`hourly counts: ${String(response.status)} ${await response.text()}`);
}
