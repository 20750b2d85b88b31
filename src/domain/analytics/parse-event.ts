import { isCloudEvent, readCloudEvent } from "./cloud-event.ts";
import { invalidOf, recordOf } from "./event-draft.ts";
import { readPlainEvent } from "./plain-event.ts";
import { isStorableText } from "./storable.ts";
import { type EventRecord, type EventShape, type Parsed, type TrackCaller } from "./types.ts";

/** The id that an invalid event says it has, for its answer; only if it can be one. */
const idOf = (event: object): string | null => {
  const { id } = event as { readonly id?: unknown };
  return typeof id === "string" && id.length > 0 && id.length <= 255 && isStorableText(id) ? id : null;
};

/** Checks one event of either shape; what JSON made of it is not trusted in any way. */
export const parseEvent = (
  event: unknown,
  caller: TrackCaller,
  makeId: () => string,
  shape: EventShape = "any",
): Parsed<EventRecord> => {
  if (typeof event !== "object" || event === null || Array.isArray(event))
    return {
      ok: false,
      id: null,
      invalid: { code: "invalid-event", path: "", message: "an event is an object" },
    };
  const read =
    shape === "cloudevents" || isCloudEvent(event) ? readCloudEvent(event) : readPlainEvent(event, makeId);
  if ("error" in read) return { ok: false, id: idOf(event), invalid: invalidOf(read.error) };
  return recordOf(read.draft, caller);
};
