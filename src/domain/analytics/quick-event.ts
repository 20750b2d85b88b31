import { type EventDraft, maxLength } from "./event-draft.ts";
import { defaultCategory, defaultSource, type PlainField, plainFieldOf } from "./plain-fields.ts";
import { isStorableText } from "./storable.ts";

const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/iu;
const utcMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
const latestMs = 253_402_300_799_999;

const emptyFields = (): Record<PlainField, unknown> => ({
  id: undefined,
  source: undefined,
  event_type: undefined,
  event_category: undefined,
  event_data: undefined,
  timestamp: undefined,
  subject: undefined,
  session_id: undefined,
  anonymous_id: undefined,
  channel_id: undefined,
  platform: undefined,
  app_version: undefined,
  workspace_id: undefined,
  user_id: undefined,
});

/** Undefined where a field is unknown or stands there twice. */
const fieldsOf = (event: object): Readonly<Record<PlainField, unknown>> | undefined => {
  const fields = emptyFields();
  const given = event as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(event)) {
    const field = plainFieldOf(key);
    const value = given[key];
    if (field === undefined || value === undefined || fields[field] !== undefined) return undefined;
    fields[field] = value;
  }
  return fields;
};

type Taken = string | null | undefined;

const textOf = (value: unknown, length: number): Taken => {
  if (value === undefined || value === null) return null;
  return typeof value === "string" && value.length > 0 && value.length <= length && isStorableText(value)
    ? value
    : undefined;
};

const anyTextOf = (value: unknown): Taken =>
  value === undefined || value === null ? null : typeof value === "string" ? value : undefined;

const guidOf = (value: unknown): Taken => {
  const text = anyTextOf(value);
  return typeof text !== "string" || guid.test(text) ? text : undefined;
};

/** As `toISOString` writes it, which is what clients send; every other spelling is left to the schema. */
const momentOf = (value: unknown): Taken => {
  if (value === undefined || value === null) return null;
  if (typeof value === "number")
    return Number.isInteger(value) && value >= 0 && value <= latestMs
      ? new Date(value).toISOString()
      : undefined;
  if (typeof value !== "string" || !utcMoment.test(value)) return undefined;
  const ms = Date.parse(value);
  return ms >= 0 && new Date(ms).toISOString() === value ? value : undefined;
};

/**
 * The plain shape once more, by hand: what a schema library does for an event was most of what checking it cost. It knows
 * only what is right. Whatever it hesitates at is undefined here, and the schema says what it is, or what is wrong with it.
 */
export const readQuickly = (event: object, makeId: () => string): EventDraft | undefined => {
  const fields = fieldsOf(event);
  if (fields === undefined) return undefined;
  const id = textOf(fields.id, maxLength.id);
  const source = textOf(fields.source, maxLength.source);
  const name = textOf(fields.event_type, maxLength.name);
  const category = textOf(fields.event_category, maxLength.category);
  const occurredAt = momentOf(fields.timestamp);
  const subject = textOf(fields.subject, maxLength.subject);
  const sessionId = textOf(fields.session_id, maxLength.session);
  const anonymousId = textOf(fields.anonymous_id, maxLength.session);
  const channelId = guidOf(fields.channel_id);
  const platform = textOf(fields.platform, maxLength.platform);
  const appVersion = textOf(fields.app_version, maxLength.version);
  const workspaceId = anyTextOf(fields.workspace_id);
  const userId = anyTextOf(fields.user_id);
  if (
    id === undefined ||
    source === undefined ||
    name === undefined ||
    name === null ||
    category === undefined ||
    occurredAt === undefined ||
    subject === undefined ||
    sessionId === undefined ||
    anonymousId === undefined ||
    channelId === undefined ||
    platform === undefined ||
    appVersion === undefined ||
    workspaceId === undefined ||
    userId === undefined
  )
    return undefined;
  return {
    id: id ?? makeId(),
    source: source ?? defaultSource,
    name,
    category: category ?? defaultCategory,
    occurredAt,
    subject,
    sessionId,
    anonymousId,
    channelId,
    platform,
    appVersion,
    workspaceId,
    userId,
    data: fields.event_data,
    attributes: null,
    dataPath: "event_data",
  };
};
