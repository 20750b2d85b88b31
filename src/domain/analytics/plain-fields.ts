/** The fields of a plain event, and the other spellings that each may come in: two spellings of a field are one field. */
const spellings = {
  id: ["event_id", "eventId"],
  source: [],
  event_type: ["name", "type", "eventType"],
  event_category: ["category", "eventCategory"],
  event_data: ["data", "properties", "eventData"],
  timestamp: ["time"],
  subject: [],
  session_id: ["sessionId"],
  anonymous_id: ["anonymousId"],
  channel_id: ["channelId"],
  platform: [],
  app_version: ["appVersion"],
  workspace_id: ["workspaceId"],
  user_id: ["userId"],
} as const;

export type PlainField = keyof typeof spellings;

const names: ReadonlyMap<string, PlainField> = new Map(
  (Object.keys(spellings) as PlainField[]).flatMap((field) =>
    [field, ...spellings[field]].map((key) => [key, field] as const),
  ),
);

/** The field that a key stands for; undefined for what no event has. */
export const plainFieldOf = (key: string): PlainField | undefined => names.get(key);

/** Of events that name none. */
export const defaultSource = "track";
export const defaultCategory = "custom";
