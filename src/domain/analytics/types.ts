/** Whose events they are: out of verified credentials, never out of a body. */
export interface TrackCaller {
  readonly workspaceId: string;
  /** Null for a server, which is nobody's. */
  readonly userId: string | null;
}

export interface Invalid {
  /** Stable, for programs. */
  readonly code: string;
  /** Where in the event, as `event_data.items.3`; empty for the event as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Categories whose events have data of a known shape. */
export const detailCategories = ["feature_usage", "performance", "search"] as const;
export type DetailCategory = (typeof detailCategories)[number];

/** The row that an event makes in the table of its category, where the database has one. */
export interface EventDetail {
  readonly category: DetailCategory;
  /** In the order of `detailColumns`. */
  readonly values: readonly (string | null)[];
}

/** `any` tells the shapes apart by `specversion`, event by event. */
export type EventShape = "any" | "cloudevents";

/** An event that is checked and ready to be stored. Texts hold nothing that Postgres refuses. */
export interface EventRecord {
  /** The row's id, made of source and event id. */
  readonly key: string;
  readonly workspaceId: string;
  readonly userId: string | null;
  /** ISO 8601; null is the moment of arrival. */
  readonly occurredAt: string | null;
  readonly channelId: string | null;
  readonly source: string;
  readonly eventId: string;
  readonly name: string;
  readonly category: string;
  readonly subject: string | null;
  readonly sessionId: string | null;
  readonly anonymousId: string | null;
  readonly platform: string | null;
  readonly appVersion: string | null;
  /** JSON text. */
  readonly properties: string;
  /** JSON text. */
  readonly attributes: string | null;
  readonly detail: EventDetail | null;
}

export type EventOutcome =
  | { readonly index: number; readonly id: string; readonly status: "accepted" | "duplicate" }
  | ({ readonly index: number; readonly id: string | null; readonly status: "invalid" } & Invalid);

export interface TrackReport {
  readonly accepted: number;
  readonly duplicates: number;
  readonly invalid: number;
  /** One for each event, in their order. */
  readonly outcomes: readonly EventOutcome[];
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly id: string | null; readonly invalid: Invalid };
