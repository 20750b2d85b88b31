import { z } from "zod";
import { type EventDraft, maxLength, millisecondsSince1970, moment, text } from "./event-draft.ts";
import { defaultCategory, defaultSource, plainFieldOf } from "./plain-fields.ts";
import { readQuickly } from "./quick-event.ts";

/** The plain shape; what is not named here is refused, as it would be lost. */
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

/** A field that is there in two spellings keeps its second under the name it came by, which is then refused as unknown. */
const canonical = (event: object): Record<string, unknown> => {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(event)) {
    const name = plainFieldOf(key) ?? key;
    fields.set(fields.has(name) ? key : name, value);
  }
  // A key `__proto__` of JSON stays the own property that it is here.
  return Object.fromEntries(fields);
};

export const readPlainEvent = (
  event: object,
  makeId: () => string,
): { readonly draft: EventDraft } | { readonly error: z.ZodError } => {
  const draft = readQuickly(event, makeId);
  return draft === undefined ? readBySchema(event, makeId) : { draft };
};

/** Decides where the quick way does not, and is what that way must agree with. */
export const readBySchema = (
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
      category: data.event_category ?? defaultCategory,
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
