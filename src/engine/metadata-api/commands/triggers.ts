import { z } from "zod";

import { HasuraError } from "../../errors.ts";
import { json, jsonEntry, optionalText, readArguments, refuse, source, tableName } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { defined, entriesOf, isEntry, listAt, named, removeAt } from "../document.ts";
import { checkHeaders } from "../headers.ts";
import { objectNames, sourceAt, tableAt } from "../lookup.ts";

const eventOptions = z.strictObject({
  source,
  name: z.string().min(1),
  table: tableName,
  webhook: optionalText,
  webhook_from_env: optionalText,
  insert: json,
  update: json,
  delete: json,
  enable_manual: z.boolean().default(false),
  retry_conf: jsonEntry.nullish(),
  headers: z.array(json).nullish(),
  replace: z.boolean().default(false),
  request_transform: json,
  response_transform: json,
  cleanup_config: json,
  trigger_on_replication: z.boolean().nullish(),
  comment: optionalText,
});

const defaultRetries = { num_retries: 0, interval_sec: 10, timeout_sec: 60 };
const longestName = 42;

const createEvent: ChangeCommand = (draft, args) => {
  const options = readArguments(eventOptions, args);
  const invalid = (message: string): never => {
    throw new HasuraError({ message, code: "parse-failed", path: "$.args" });
  };
  if (options.name.length > longestName) invalid("event trigger name can be at most 42 characters");
  if (!/^[A-Za-z]+[A-Za-z0-9_-]*$/.test(options.name)) {
    invalid("only alphanumeric and underscore and hyphens allowed for event trigger name");
  }
  if (
    [options.insert, options.update, options.delete].every((spec) => spec === undefined || spec === null) &&
    !options.enable_manual
  ) {
    invalid("atleast one amongst insert/update/delete/enable_manual spec must be provided");
  }
  if ((options.webhook ?? options.webhook_from_env ?? null) === null) {
    invalid("only one of webhook or webhook_from_env should be given");
  }
  if ((options.webhook ?? null) !== null && (options.webhook_from_env ?? null) !== null) {
    invalid("only one of webhook or webhook_from_env should be given");
  }
  checkHeaders(options.headers, "$.args.headers");
  const triggers = listAt(tableAt(draft, options.source, options.table), "event_triggers");
  const entry = defined({
    name: options.name,
    definition: defined({
      enable_manual: options.enable_manual,
      insert: options.insert,
      update: options.update,
      delete: options.delete,
    }),
    retry_conf: { ...defaultRetries, ...options.retry_conf },
    webhook: options.webhook,
    webhook_from_env: options.webhook_from_env,
    headers: options.headers,
    request_transform: options.request_transform,
    response_transform: options.response_transform,
    cleanup_config: options.cleanup_config,
    trigger_on_replication: options.trigger_on_replication,
    comment: options.comment,
  });
  const everywhere = draft.sources.flatMap((owner) =>
    entriesOf(owner["tables"]).flatMap((table) => entriesOf(table["event_triggers"])),
  );
  if (options.replace) {
    const index = triggers.findIndex(named(options.name));
    if (index < 0) refuse("not-exists", `event trigger "${options.name}" does not exist`);
    triggers[index] = entry;
  } else {
    if (everywhere.some(named(options.name))) {
      refuse("already-exists", `event trigger with name "${options.name}" already exists`);
    }
    triggers.push(entry);
  }
  return {
    object: objectNames.tableObject("event_trigger", options.name, options.table, options.source),
  };
};

const deleteEventOptions = z.strictObject({ source, name: z.string() });

const deleteEvent: ChangeCommand = (draft, args) => {
  const options = readArguments(deleteEventOptions, args);
  const owner = entriesOf(sourceAt(draft, options.source)["tables"]).find((table) =>
    entriesOf(table["event_triggers"]).some(named(options.name)),
  );
  if (owner === undefined)
    return refuse("not-exists", `event trigger with name "${options.name}" does not exist`);
  removeAt(owner, "event_triggers", named(options.name));
  return {};
};

const cronOptions = z.looseObject({
  name: z.string().min(1),
  webhook: z.string(),
  schedule: z.string(),
  include_in_metadata: z.boolean().default(true),
  replace: z.boolean().default(false),
});

const createCron: ChangeCommand = (draft, args) => {
  const { replace, ...trigger } = readArguments(cronOptions, args);
  checkHeaders(trigger["headers"], "$.args.headers");
  const triggers = listAt(draft, "cron_triggers");
  const index = triggers.findIndex(named(trigger.name));
  if (index >= 0 && !replace) {
    refuse("already-exists", `cron trigger with name: ${trigger.name} already exists`);
  }
  if (index >= 0) triggers[index] = defined(trigger);
  else triggers.push(defined(trigger));
  return { object: objectNames.cronTrigger(trigger.name) };
};

const deleteCron: ChangeCommand = (draft, args) => {
  const { name } = readArguments(z.strictObject({ name: z.string() }), args);
  if (removeAt(draft, "cron_triggers", named(name)) === undefined) {
    refuse("not-exists", `cron trigger with name: "${name}" does not exist`);
  }
  return {};
};

/** Read from metadata: cron triggers made with `include_in_metadata: false` are there too. */
export const cronTriggersOf = (document: unknown): unknown => ({
  cron_triggers: isEntry(document) ? entriesOf(document["cron_triggers"]) : [],
});

export const triggerCommands: ChangeCommands = {
  create_event_trigger: createEvent,
  delete_event_trigger: deleteEvent,
  create_cron_trigger: createCron,
  delete_cron_trigger: deleteCron,
};
