import type { RequestTransform, ResponseTransform } from "../transforms/types.ts";
import { MetadataError } from "./errors.ts";
import type {
  EventTriggerDocument,
  HeaderDocument,
  RequestTransformDocument,
  ResponseTransformDocument,
  ScheduledRetryDocument,
} from "./shape-webhooks.ts";
import type { EventOperation, EventTriggerMeta, HeaderMeta, ScheduledRetry } from "./types.ts";

export const headers = (documents: readonly HeaderDocument[] | null | undefined): readonly HeaderMeta[] =>
  (documents ?? []).map((header) =>
    "value" in header
      ? { name: header.name, value: header.value }
      : { name: header.name, valueFromEnv: header.value_from_env },
  );

/** The way back: a value from the environment is named, never written down. */
export const headerDocument = (header: HeaderMeta): HeaderDocument =>
  header.valueFromEnv === undefined
    ? { name: header.name, value: header.value ?? "" }
    : { name: header.name, value_from_env: header.valueFromEnv };

/** What Hasura assumes stands where a document says nothing. */
export const scheduledRetry = (document: ScheduledRetryDocument): ScheduledRetry => ({
  numRetries: document?.num_retries ?? 0,
  intervalSeconds: document?.retry_interval_seconds ?? 10,
  timeoutSeconds: document?.timeout_seconds ?? 60,
  toleranceSeconds: document?.tolerance_seconds ?? 21_600,
});

type BodyDocument = NonNullable<RequestTransformDocument>["body"];

const bodyTransform = (body: BodyDocument): Pick<RequestTransform, "body"> => {
  if (body === null || body === undefined) return {};
  return {
    body:
      body.action === "x_www_form_urlencoded"
        ? { action: body.action, formTemplate: body.form_template }
        : body,
  };
};

/** A parameter without a template is one whose template is null: it is left out. */
const queryParams = (
  document: NonNullable<RequestTransformDocument>["query_params"],
): Pick<RequestTransform, "queryParams"> => {
  if (document === null || document === undefined) return {};
  return {
    queryParams:
      typeof document === "string"
        ? document
        : Object.fromEntries(Object.entries(document).map(([name, template]) => [name, template ?? "null"])),
  };
};

const requestTransform = (document: NonNullable<RequestTransformDocument>): RequestTransform => ({
  version: document.version ?? 1,
  ...(typeof document.method === "string" ? { method: document.method } : {}),
  ...(typeof document.url === "string" ? { url: document.url } : {}),
  ...queryParams(document.query_params),
  addHeaders: {
    ...(typeof document.content_type === "string" ? { "content-type": document.content_type } : {}),
    ...document.request_headers?.add_headers,
  },
  removeHeaders: document.request_headers?.remove_headers ?? [],
  ...bodyTransform(document.body),
});

/** Both transforms of one webhook, each only where it is given. */
export const transforms = (document: {
  readonly request_transform?: RequestTransformDocument;
  readonly response_transform?: ResponseTransformDocument;
}): { readonly requestTransform?: RequestTransform; readonly responseTransform?: ResponseTransform } => ({
  ...(document.request_transform ? { requestTransform: requestTransform(document.request_transform) } : {}),
  ...(document.response_transform
    ? {
        responseTransform: {
          version: document.response_transform.version ?? 1,
          ...bodyTransform(document.response_transform.body),
        },
      }
    : {}),
});

const operation = (document: EventTriggerDocument["definition"]["insert"]): EventOperation | undefined =>
  document ? { columns: document.columns, payload: document.payload ?? "*" } : undefined;

const webhook = (document: EventTriggerDocument): EventTriggerMeta["webhook"] => {
  const { webhook: url, webhook_from_env: fromEnv } = document;
  if (typeof url === "string" && typeof fromEnv !== "string") return { url };
  if (typeof fromEnv === "string" && typeof url !== "string") return { fromEnv };
  throw new MetadataError({
    file: null,
    path: `event trigger ${document.name}`,
    key: "webhook",
    reason: "needs either webhook or webhook_from_env",
  });
};

export const eventTrigger = (document: EventTriggerDocument): EventTriggerMeta => {
  const [onInsert, onUpdate, onDelete] = [
    operation(document.definition.insert),
    operation(document.definition.update),
    operation(document.definition.delete),
  ];
  return {
    name: document.name,
    operations: {
      ...(onInsert === undefined ? {} : { INSERT: onInsert }),
      ...(onUpdate === undefined ? {} : { UPDATE: onUpdate }),
      ...(onDelete === undefined ? {} : { DELETE: onDelete }),
    },
    enableManual: document.definition.enable_manual ?? false,
    onReplication: document.trigger_on_replication ?? false,
    webhook: webhook(document),
    headers: headers(document.headers),
    retry: {
      numRetries: document.retry_conf?.num_retries ?? 0,
      intervalSeconds: document.retry_conf?.interval_sec ?? 10,
      timeoutSeconds: document.retry_conf?.timeout_sec ?? 60,
    },
    ...transforms(document),
  };
};
