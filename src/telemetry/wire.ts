import { type TelemetryEvent } from "./types.ts";

/** What became of an event at the server. */
export type EventFate = "accepted" | "duplicate" | "invalid";

/** Bytes of an event as it travels. */
export const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/** An event in the shape that `POST /api/analytics/track` takes. Whose it is follows from the credentials, never from here. */
export const encodeEvent = (event: TelemetryEvent, source: string): string =>
  JSON.stringify({
    id: event.id,
    source,
    event_type: event.type,
    event_category: event.category,
    event_data: event.data,
    timestamp: new Date(event.at).toISOString(),
    session_id: event.sessionId,
  });

export const encodeBatch = (events: readonly string[]): string => `[${events.join(",")}]`;

interface ResultRow {
  readonly id?: unknown;
  readonly index?: unknown;
  readonly status?: unknown;
}

const isFate = (value: unknown): value is EventFate =>
  value === "accepted" || value === "duplicate" || value === "invalid";

/** The fate of each event of a batch by its id; what the answer does not speak of is missing, and is sent again. */
export const decodeFates = (
  text: string,
  sent: readonly TelemetryEvent[],
): ReadonlyMap<string, EventFate> => {
  const fates = new Map<string, EventFate>();
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return fates;
  }
  const results =
    typeof answer === "object" && answer !== null ? (answer as { results?: unknown }).results : null;
  if (!Array.isArray(results)) return fates;
  (results as readonly ResultRow[]).forEach((row, position) => {
    if (typeof row !== "object" || row === null || !isFate(row.status)) return;
    const index = typeof row.index === "number" ? row.index : position;
    const id = typeof row.id === "string" ? row.id : sent[index]?.id;
    if (id !== undefined) fates.set(id, row.status);
  });
  return fates;
};
