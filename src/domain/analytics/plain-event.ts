import { z } from "zod";
import { type EventDraft, maxLength, millisecondsSince1970, moment, text } from "./event-draft.ts";

/**
 * The plain shape. Two spellings of a field are one field; what is not named here is refused, as it would be lost.
 */
const aliases: Readonly<Record<string, string>> = {
  event_id: "id",
  eventId: "id",
  name: "event_type",
  type: "event_type",
  eventType: "event_type",
  category: "event_category",
  eventCategory: "event_category",
  data: "event_data",
  properties: "event_data",
  eventData: "event_data",
  time: "timestamp",
  sessionId: "session_id",
  anonymousId: "anonymous_id",
  channelId: "channel_id",
  appVersion: "app_version",
  workspaceId: "workspace_id",
  userId: "user_id",
};

const shape = z.strictObject({
  id: text(maxLength.id).nullish(),
  source: text(maxLength.source).nullish(),
  event_type: text(maxLength.name),
  event_category: text(maxLength.category).nullish(),
  event_data: z.unknown().optional(),
  timestamp: z.union([moment, millisecondsSince1970]).nullish(),
  subject: text(maxLength.subject).nullish(),
  session_id: text(maxLength.session).nullish(),
  anonymous_id: text(maxLength.session).nullish(),
  channel_id: z.guid().nullish(),
  platform: text(maxLength.platform).nullish(),
  app_version: text(maxLength.version).nullish(),
  workspace_id: z.string().nullish(),
  user_id: z.string().nullish(),
});

/** Of events that name none. */
const defaultSource = "track";

/** A field that is there in two spellings keeps its second under the name it came by, which is then refused as unknown. */
const canonical = (event: object): Record<string, unknown> => {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(event)) {
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    fields.set(fields.has(name) ? key : name, value);
  }
  // A key `__proto__` of JSON stays the own property that it is here.
  return Object.fromEntries(fields);
};

export const readPlainEvent = (
  event: object,
  makeId: () => string,
): { readonly draft: EventDraft } | { readonly error: z.ZodError } => {
  const parsed = shape.safeParse(canonical(event));
  if (!parsed.success) return { error: parsed.error };
  const { data } = parsed;
  return {
    draft: {
      id: data.id ?? makeId(),
      source: data.source ?? defaultSource,
      name: data.event_type,
      category: data.event_category ?? "custom",
      occurredAt: data.timestamp ?? null,
      subject: data.subject ?? null,
      sessionId: data.session_id ?? null,
      anonymousId: data.anonymous_id ?? null,
      channelId: data.channel_id ?? null,
      platform: data.platform ?? null,
      appVersion: data.app_version ?? null,
      workspaceId: data.workspace_id ?? null,
      userId: data.user_id ?? null,
      data: data.event_data,
      attributes: null,
      dataPath: "event_data",
    },
  };
};
