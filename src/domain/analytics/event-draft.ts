import { z } from "zod";
import { readDetail } from "./details.ts";
import { eventKey } from "./event-key.ts";
import { limits } from "./limits.ts";
import { findUnstorable, isStorableText } from "./storable.ts";
import { type EventRecord, type Invalid, type Parsed, type TrackCaller } from "./types.ts";

/** A text that Postgres can hold. */
export const text = (length: number) =>
  z.string().min(1).max(length).refine(isStorableText, "may hold neither NUL nor half of a surrogate pair");

const toUtc = (value: string | number): string => new Date(value).toISOString();

/** A moment of RFC 3339 from 1970 on; what it becomes is the same moment in UTC, whole milliseconds. */
export const moment = z.iso
  .datetime({ offset: true })
  .refine((value) => Date.parse(value) >= 0, "must be a moment from 1970 on")
  .transform(toUtc);

/** The same as milliseconds since 1970, as clients have it from their clocks. */
export const millisecondsSince1970 = z.number().int().min(0).max(253_402_300_799_999).transform(toUtc);

export const maxLength = {
  id: 255,
  source: 255,
  name: 200,
  category: 50,
  subject: 255,
  session: 100,
  platform: 50,
  version: 50,
} as const;

/** What both shapes of events come to. */
export interface EventDraft {
  readonly id: string;
  readonly source: string;
  readonly name: string;
  readonly category: string;
  readonly occurredAt: string | null;
  readonly subject: string | null;
  readonly sessionId: string | null;
  readonly anonymousId: string | null;
  readonly channelId: string | null;
  readonly platform: string | null;
  readonly appVersion: string | null;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  readonly data: unknown;
  readonly attributes: Readonly<Record<string, unknown>> | null;
  /** Where the data stands in the event, for paths. */
  readonly dataPath: string;
}

/** The first fault of a failed parse; what was sent is never echoed. */
export const invalidOf = (error: z.ZodError, prefix = ""): Invalid => {
  const [issue] = error.issues;
  const keys = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const path = [prefix, ...(issue?.path ?? []).map(String), ...keys].filter((part) => part !== "").join(".");
  return keys.length > 0
    ? {
        code: "unknown-field",
        path: path.slice(0, 200),
        message: "no event has this field; data of your own goes into event_data",
      }
    : { code: "invalid-event", path: path.slice(0, 200), message: issue?.message ?? "invalid event" };
};

const isSame = (named: string | null, own: string | null): boolean =>
  named === null || named.toLowerCase() === own?.toLowerCase();

const channelOf = (data: unknown): string | null => {
  if (typeof data !== "object" || data === null || !Object.hasOwn(data, "channel_id")) return null;
  const parsed = z.guid().safeParse((data as { channel_id: unknown }).channel_id);
  return parsed.success ? parsed.data : null;
};

const refuse = (id: string, code: string, path: string, message: string): Parsed<EventRecord> => ({
  ok: false,
  id,
  invalid: { code, path, message },
});

/** Binds a draft to its caller and makes it ready to be stored. */
export const recordOf = (draft: EventDraft, caller: TrackCaller): Parsed<EventRecord> => {
  const { id } = draft;
  if (!isSame(draft.workspaceId, caller.workspaceId))
    return refuse(id, "workspace-forbidden", "workspace_id", "this caller may not act for that workspace");
  if (!isSame(draft.userId, caller.userId))
    return refuse(id, "user-forbidden", "user_id", "an event is of the person who sends it");
  const unstorable = findUnstorable(draft.data, draft.dataPath) ?? findUnstorable(draft.attributes, "");
  if (unstorable !== null) return { ok: false, id, invalid: unstorable };
  const properties = draft.data === undefined || draft.data === null ? "{}" : JSON.stringify(draft.data);
  const attributes = draft.attributes === null ? null : JSON.stringify(draft.attributes);
  const bytes = Buffer.byteLength(properties) + Buffer.byteLength(attributes ?? "");
  if (bytes > limits.eventBytes)
    return refuse(
      id,
      "event-too-large",
      draft.dataPath,
      `an event may have ${String(limits.eventBytes)} bytes`,
    );
  const read = readDetail(draft, draft.data);
  if ("error" in read) return { ok: false, id, invalid: invalidOf(read.error, draft.dataPath) };
  return {
    ok: true,
    value: {
      key: eventKey(draft.source, id),
      workspaceId: caller.workspaceId,
      userId: caller.userId,
      occurredAt: draft.occurredAt,
      channelId: draft.channelId ?? channelOf(draft.data),
      source: draft.source,
      eventId: id,
      name: draft.name,
      category: draft.category,
      subject: draft.subject,
      sessionId: draft.sessionId,
      anonymousId: draft.anonymousId,
      platform: draft.platform,
      appVersion: draft.appVersion,
      properties,
      attributes,
      detail: read.detail,
    },
  };
};
