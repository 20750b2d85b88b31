import { z } from "zod";

import type { Database } from "../../../core/index.ts";
import { rawToJson, type Raw } from "../../json/index.ts";
import { headers, scheduledRetry as readRetry } from "../../metadata/normalise-webhooks.ts";
import { header, scheduledRetry } from "../../metadata/shape-webhooks.ts";
import {
  deleteScheduledEvent,
  listScheduledEvents,
  listScheduledInvocations,
  type ListedRows,
  type Page,
  type ScheduledEvents,
  type ScheduledKind,
} from "../../triggers/index.ts";
import type { Operation } from "../api.ts";
import { optionalText, readArguments } from "../arguments.ts";

const create = z.strictObject({
  webhook: z.string().min(1),
  schedule_at: z.iso.datetime({ offset: true }),
  payload: z.unknown(),
  headers: z.array(header).nullish(),
  comment: optionalText,
  retry_conf: scheduledRetry,
});

const kind = { type: z.enum(["one_off", "cron"]), trigger_name: z.string().optional() };
const page = {
  limit: z.int().min(0).nullish(),
  offset: z.int().min(0).nullish(),
  get_rows_count: z.boolean().nullish(),
};
const status = z.enum(["scheduled", "locked", "delivered", "error", "dead"]);
const listEvents = z.strictObject({ ...kind, ...page, status: z.array(status).nullish() });
const listInvocations = z.strictObject({ ...kind, ...page, event_id: z.string().optional() });
const remove = z.strictObject({ type: kind.type, event_id: z.string() });

const kindOf = (args: { readonly type: "one_off" | "cron"; readonly trigger_name?: string | undefined }) =>
  (args.type === "one_off"
    ? { type: args.type }
    : {
        type: args.type,
        ...(args.trigger_name === undefined ? {} : { triggerName: args.trigger_name }),
      }) satisfies ScheduledKind;

const pageOf = (args: {
  readonly limit?: number | null | undefined;
  readonly offset?: number | null | undefined;
  readonly get_rows_count?: boolean | null | undefined;
}): Page => ({
  limit: args.limit ?? undefined,
  offset: args.offset ?? undefined,
  count: args.get_rows_count ?? false,
});

const answer = (key: "events" | "invocations", { rows, count }: ListedRows): unknown => ({
  ...(count === undefined ? {} : { count }),
  [key]: rows,
});

/** Commands on one-off events, and on the events of cron triggers. */
export const scheduledOperations = (
  database: Database,
  scheduled: ScheduledEvents,
): Readonly<Record<string, Operation>> => ({
  create_scheduled_event: async (args) => {
    const event = readArguments(create, args);
    const id = await scheduled.create({
      webhook: event.webhook,
      scheduledTime: new Date(event.schedule_at),
      payload: rawToJson((event.payload ?? null) as Raw),
      headers: headers(event.headers),
      comment: event.comment ?? null,
      retry: readRetry(event.retry_conf),
    });
    return { message: "success", event_id: id };
  },
  delete_scheduled_event: async (args) => {
    const { type, event_id: id } = readArguments(remove, args);
    await deleteScheduledEvent(database, type, id);
    return { message: "success" };
  },
  get_scheduled_events: async (args) => {
    const wanted = readArguments(listEvents, args);
    return answer(
      "events",
      await listScheduledEvents(database, kindOf(wanted), wanted.status ?? [], pageOf(wanted)),
    );
  },
  get_scheduled_event_invocations: async (args) => {
    const wanted = readArguments(listInvocations, args);
    return answer(
      "invocations",
      await listScheduledInvocations(database, kindOf(wanted), wanted.event_id, pageOf(wanted)),
    );
  },
});
