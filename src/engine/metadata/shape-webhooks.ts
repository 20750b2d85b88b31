import { z } from "zod";

/** What actions, event triggers and cron triggers share: headers and the transforms of what goes over the wire. */
export const header = z.union([
  z.strictObject({ name: z.string(), value: z.string() }),
  z.strictObject({ name: z.string(), value_from_env: z.string() }),
]);

/** How often and how long a cron event or a one-off event is tried. */
export const scheduledRetry = z
  .strictObject({
    num_retries: z.int().min(0).nullish(),
    retry_interval_seconds: z.number().min(0).nullish(),
    timeout_seconds: z.number().positive().nullish(),
    tolerance_seconds: z.number().min(0).nullish(),
  })
  .nullish();

const templateEngine = z.literal("Kriti").nullish();
const templates = z.record(z.string(), z.string());

const bodyTransform = z.union([
  z.strictObject({ action: z.literal("remove") }),
  z.strictObject({ action: z.literal("transform"), template: z.string() }),
  z.strictObject({ action: z.literal("x_www_form_urlencoded"), form_template: templates }),
]);

/** Version 1 has only a template as body; it is read in either version, as Hasura's console writes both. */
const body = z
  .union([z.string().transform((template) => ({ action: "transform" as const, template })), bodyTransform])
  .nullish();
const version = z.union([z.literal(1), z.literal(2)]).nullish();

export const requestTransform = z
  .strictObject({
    version,
    template_engine: templateEngine,
    method: z.string().nullish(),
    url: z.string().nullish(),
    body,
    content_type: z.string().nullish(),
    query_params: z.union([z.string(), z.record(z.string(), z.string().nullable())]).nullish(),
    request_headers: z
      .strictObject({ add_headers: templates.nullish(), remove_headers: z.array(z.string()).nullish() })
      .nullish(),
  })
  .nullish();

export const responseTransform = z.strictObject({ version, template_engine: templateEngine, body }).nullish();

export const transforms = { request_transform: requestTransform, response_transform: responseTransform };

const columns = z.union([z.literal("*"), z.array(z.string())]);
const operation = z.strictObject({ columns, payload: columns.nullish() }).nullish();

export const eventTrigger = z.strictObject({
  /** Postgres cuts names at 63 bytes, and the trigger's is part of longer ones. */
  name: z
    .string()
    .regex(/^[A-Za-z]+[A-Za-z0-9_-]*$/, {
      error: "only alphanumeric and underscore allowed for name",
    })
    .max(42, { error: "event trigger name can be at most 42 characters" }),
  definition: z.strictObject({
    insert: operation,
    update: operation,
    delete: operation,
    enable_manual: z.boolean().nullish(),
  }),
  retry_conf: z
    .strictObject({
      num_retries: z.int().min(0).nullish(),
      interval_sec: z.number().min(0).nullish(),
      timeout_sec: z.number().positive().nullish(),
    })
    .nullish(),
  webhook: z.string().nullish(),
  webhook_from_env: z.string().nullish(),
  headers: z.array(header).nullish(),
  ...transforms,
  trigger_on_replication: z.boolean().nullish(),
  /** Hasura's own clean-up is part of its Enterprise edition; the Community edition reads it and does nothing. */
  cleanup_config: z
    .strictObject({
      schedule: z.string(),
      clear_older_than: z.number(),
      batch_size: z.number().nullish(),
      timeout: z.number().nullish(),
      clean_invocation_logs: z.boolean().nullish(),
      paused: z.boolean().nullish(),
    })
    .nullish(),
});

export type HeaderDocument = z.output<typeof header>;
export type EventTriggerDocument = z.output<typeof eventTrigger>;
export type RequestTransformDocument = z.output<typeof requestTransform>;
export type ResponseTransformDocument = z.output<typeof responseTransform>;
export type ScheduledRetryDocument = z.output<typeof scheduledRetry>;
