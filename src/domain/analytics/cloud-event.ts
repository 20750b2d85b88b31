import { z } from "zod";
import { type EventDraft, maxLength, moment, text } from "./event-draft.ts";

/**
 * CloudEvents 1.0.2. The npm package `cloudevents` reads a batch whole or not at all, and gives an event without id or
 * time one of its own, where the specification refuses the first and dedup would be lost with it; so the attributes
 * are checked here, and the package serves the tests as the sender.
 */
const printable = /^[^\p{Cc}\s]+$/u;

const core = z.looseObject({
  specversion: z.literal("1.0"),
  id: text(maxLength.id),
  source: text(maxLength.source).regex(printable, "must be a URI reference"),
  type: text(maxLength.name),
  time: moment.nullish(),
  subject: text(maxLength.subject).nullish(),
  datacontenttype: text(255).nullish(),
  dataschema: text(1_000).regex(printable, "must be a URI").nullish(),
  data: z.unknown().optional(),
  data_base64: z.base64().nullish(),
  // Extensions that have a column.
  category: text(maxLength.category).nullish(),
  sessionid: text(maxLength.session).nullish(),
  anonymousid: text(maxLength.session).nullish(),
  channelid: z.guid().nullish(),
  platform: text(maxLength.platform).nullish(),
  appversion: text(maxLength.version).nullish(),
  workspaceid: z.string().nullish(),
  userid: z.string().nullish(),
});

const known: ReadonlySet<string> = new Set(Object.keys(core.shape));

/** The types of the specification that JSON can tell apart; null is an attribute that is not there. */
const extensionValue = z.union([
  z.boolean(),
  z.number().int().min(-2_147_483_648).max(2_147_483_647),
  z.string().max(1_000),
  z.null(),
]);

const extensions = z.record(
  z.string().regex(/^[a-z0-9]+$/u, "names of attributes are lower case letters and digits"),
  extensionValue,
);

const extensionsOf = (event: object): readonly [string, unknown][] =>
  Object.entries(event).filter(([name]) => !known.has(name));

/** Content that is no JSON travels as base64; it is kept so, and says so. */
const encodingAttribute = "dataencoding";

export const isCloudEvent = (event: object): boolean => Object.hasOwn(event, "specversion");

export const readCloudEvent = (
  event: object,
): { readonly draft: EventDraft } | { readonly error: z.ZodError } => {
  const parsed = core.safeParse(event);
  if (!parsed.success) return { error: parsed.error };
  const others = extensions.safeParse(Object.fromEntries(extensionsOf(event)));
  if (!others.success) return { error: others.error };
  const { data } = parsed;
  const hasBinary = data.data_base64 !== null && data.data_base64 !== undefined;
  if (hasBinary && data.data !== undefined && data.data !== null)
    return {
      error: new z.ZodError([
        {
          code: "custom",
          path: ["data_base64"],
          message: "an event has data or data_base64, not both",
          input: undefined,
        },
      ]),
    };
  const attributes = Object.fromEntries(
    [
      ...Object.entries(others.data),
      ["datacontenttype", data.datacontenttype] as const,
      ["dataschema", data.dataschema] as const,
      [encodingAttribute, hasBinary ? "base64" : null] as const,
    ].filter(([, value]) => value !== null && value !== undefined),
  );
  return {
    draft: {
      id: data.id,
      source: data.source,
      name: data.type,
      category: data.category ?? "custom",
      occurredAt: data.time ?? null,
      subject: data.subject ?? null,
      sessionId: data.sessionid ?? null,
      anonymousId: data.anonymousid ?? null,
      channelId: data.channelid ?? null,
      platform: data.platform ?? null,
      appVersion: data.appversion ?? null,
      workspaceId: data.workspaceid ?? null,
      userId: data.userid ?? null,
      data: hasBinary ? data.data_base64 : data.data,
      attributes: Object.keys(attributes).length === 0 ? null : attributes,
      dataPath: hasBinary ? "data_base64" : "data",
    },
  };
};
