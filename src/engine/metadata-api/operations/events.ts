import { z } from "zod";

import type { Raw } from "../../json/index.ts";
import type { EventTriggers } from "../../triggers/index.ts";
import type { Operation } from "../api.ts";
import { readArguments, source } from "../arguments.ts";

const redeliver = z.strictObject({ source, event_id: z.string() });
const invoke = z.strictObject({ source, name: z.string(), payload: z.unknown() });

/** Commands on single events of event triggers. */
export const eventOperations = (events: EventTriggers): Readonly<Record<string, Operation>> => ({
  redeliver_event: async (args) => {
    await events.redeliver(readArguments(redeliver, args).event_id);
    return { message: "success" };
  },
  invoke_event_trigger: async (args, session) => {
    const { name, payload } = readArguments(invoke, args);
    return { event_id: await events.invoke(name, payload as Raw, session) };
  },
});
