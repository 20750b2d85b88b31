import { parse } from "graphql";
import { z } from "zod";

import { eventTrigger, header, scheduledRetry, transforms } from "./shape-webhooks.ts";
import type { Json } from "./types.ts";

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && Object.values(value).every(isEmpty));

/** A key of Hasura's that this engine does not carry out: fine while empty, refused by name otherwise. */
const unsupported = (what: string) =>
  z.custom<unknown>(isEmpty, { error: `${what} are not supported by this engine` }).optional();

/** Accepted and without effect on what a client sees: comments and tuning. */
const harmless = z.unknown().optional();

/** YAML and JSON readers round whole numbers beyond 2^53; a rounded number in a rule would let the wrong rows through. */
const exactNumber = z.number().refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {
  error: "a whole number beyond 2^53 loses digits when metadata is read, write it as text",
});

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.null(), z.boolean(), exactNumber, z.string(), z.array(json), z.record(z.string(), json)]),
);
const jsonObject = z.record(z.string(), json);
const nullableText = z.string().nullish();

const qualifiedName = z.union([
  z.string().transform((name) => ({ schema: "public", name })),
  z.strictObject({ schema: z.string().default("public"), name: z.string() }),
]);

const columns = z.union([z.literal("*"), z.array(z.string())]);
const selectRootField = z.enum(["select", "select_by_pk", "select_aggregate", "select_stream"]);

const permissionEntry = <T extends z.ZodType>(permission: T) =>
  z.array(z.strictObject({ role: z.string().min(1), permission, comment: harmless })).nullish();

const validateInput = z.strictObject({
  type: z.literal("http"),
  definition: z.strictObject({
    url: z.string().min(1),
    headers: z.array(header).nullish(),
    forward_client_headers: z.boolean().nullish(),
    timeout: z.number().positive().nullish(),
  }),
});

const writeExtras = {
  backend_only: z.boolean().nullish(),
  validate_input: validateInput.nullish(),
};

const selectPermission = z.strictObject({
  columns,
  filter: jsonObject,
  limit: z.int().min(0).nullish(),
  allow_aggregations: z.boolean().nullish(),
  computed_fields: z.array(z.string()).nullish(),
  query_root_fields: z.array(selectRootField).nullish(),
  subscription_root_fields: z.array(selectRootField).nullish(),
});

const insertPermission = z.strictObject({
  columns: columns.default("*"),
  check: jsonObject,
  set: jsonObject.nullish(),
  ...writeExtras,
});

const updatePermission = z.strictObject({
  columns,
  filter: jsonObject,
  check: jsonObject.nullish(),
  set: jsonObject.nullish(),
  ...writeExtras,
});

const deletePermission = z.strictObject({ filter: jsonObject, ...writeExtras });

const remoteColumns = z.union([
  z.strictObject({ table: qualifiedName, column: z.string() }),
  z.strictObject({ table: qualifiedName, columns: z.array(z.string()).min(1) }),
]);

const manualConfiguration = z.strictObject({
  remote_table: qualifiedName,
  column_mapping: z.record(z.string(), z.string()),
  insertion_order: z.enum(["before_parent", "after_parent"]).nullish(),
  remote_native_query: unsupported("native queries"),
});

const using = z.union([
  z.strictObject({
    foreign_key_constraint_on: z.union([z.string(), z.array(z.string()).min(1), remoteColumns]),
  }),
  z.strictObject({ manual_configuration: manualConfiguration }),
]);

const relationships = z.array(z.strictObject({ name: z.string(), using, comment: nullableText })).nullish();

const customRootField = z
  .union([z.string(), z.strictObject({ name: nullableText, comment: nullableText })])
  .nullish();

const tableConfiguration = z.strictObject({
  custom_name: nullableText,
  comment: nullableText,
  custom_root_fields: z
    .strictObject({
      select: customRootField,
      select_by_pk: customRootField,
      select_aggregate: customRootField,
      select_stream: customRootField,
      insert: customRootField,
      insert_one: customRootField,
      update: customRootField,
      update_by_pk: customRootField,
      update_many: customRootField,
      delete: customRootField,
      delete_by_pk: customRootField,
    })
    .nullish(),
  column_config: z
    .record(z.string(), z.strictObject({ custom_name: nullableText, comment: nullableText }))
    .nullish(),
  custom_column_names: z.record(z.string(), z.string()).nullish(),
});

const computedField = z.strictObject({
  name: z.string().min(1),
  definition: z.strictObject({
    function: qualifiedName,
    table_argument: nullableText,
    session_argument: nullableText,
  }),
  comment: nullableText,
});

const table = z.strictObject({
  table: qualifiedName,
  is_enum: z.boolean().nullish(),
  configuration: tableConfiguration.nullish(),
  object_relationships: relationships,
  array_relationships: relationships,
  remote_relationships: unsupported("remote relationships"),
  computed_fields: z.array(computedField).nullish(),
  event_triggers: z.array(eventTrigger).nullish(),
  apollo_federation_config: unsupported("Apollo federation settings"),
  select_permissions: permissionEntry(selectPermission),
  insert_permissions: permissionEntry(insertPermission),
  update_permissions: permissionEntry(updatePermission),
  delete_permissions: permissionEntry(deletePermission),
});

const fn = z.strictObject({
  function: qualifiedName,
  configuration: z
    .strictObject({
      custom_name: nullableText,
      custom_root_fields: z
        .strictObject({ function: customRootField, function_aggregate: customRootField })
        .nullish(),
      exposed_as: z.enum(["query", "mutation"]).nullish(),
      session_argument: nullableText,
      response: unsupported("function response settings"),
    })
    .nullish(),
  permissions: z.array(z.strictObject({ role: z.string().min(1) })).nullish(),
  comment: nullableText,
});

const graphqlName = z
  .string()
  .regex(/^[_A-Za-z]\w*$/, { error: "no GraphQL name" })
  .nullish();

const databaseUrl = z
  .strictObject({
    from_env: z.string().optional(),
    connection_parameters: unsupported("connection parameters"),
  })
  .transform(({ from_env: name }, context) => {
    if (name !== undefined) return { from_env: name };
    context.addIssue({ code: "custom", message: "needs from_env" });
    return z.NEVER;
  });

/** Tuning: the engine has one pool of its own. */
const poolSettings = z.strictObject({
  connection_lifetime: z.number().nullish(),
  idle_timeout: z.number().nullish(),
  max_connections: z.number().nullish(),
  pool_timeout: z.number().nullish(),
  retries: z.number().nullish(),
  total_max_connections: z.number().nullish(),
});

const source = z.strictObject({
  name: z.string(),
  kind: z.enum(["postgres", "pg"], { error: "only sources of kind postgres are supported by this engine" }),
  configuration: z.strictObject({
    connection_info: z.strictObject({
      database_url: z.union([z.string(), databaseUrl]),
      isolation_level: z
        .literal("read-committed", {
          error: "only isolation_level read-committed is supported by this engine",
        })
        .nullish(),
      pool_settings: poolSettings.nullish(),
      use_prepared_statements: harmless,
      ssl_configuration: unsupported("ssl_configuration settings"),
    }),
    connection_template: unsupported("connection templates"),
    connection_set: unsupported("connection sets"),
    read_replicas: unsupported("read replicas"),
    extensions_schema: harmless,
  }),
  tables: z.array(table).nullish(),
  functions: z.array(fn).nullish(),
  native_queries: unsupported("native queries"),
  logical_models: unsupported("logical models"),
  stored_procedures: unsupported("stored procedures"),
  customization: z
    .strictObject({
      root_fields: z
        .strictObject({ namespace: graphqlName, prefix: graphqlName, suffix: graphqlName })
        .nullish(),
      type_names: z.strictObject({ prefix: graphqlName, suffix: graphqlName }).nullish(),
      naming_convention: z.enum(["hasura-default", "graphql-default"]).nullish(),
    })
    .nullish(),
  health_check: unsupported("health checks"),
  query_tags: unsupported("query tags"),
});

const typedField = z.strictObject({
  name: z.string(),
  type: z.string(),
  description: nullableText,
});

const action = z.strictObject({
  name: z.string(),
  definition: z.strictObject({
    kind: z.enum(["synchronous", "asynchronous", ""]).nullish(),
    type: z.enum(["query", "mutation"]).nullish(),
    handler: z.string(),
    arguments: z.array(typedField).nullish(),
    output_type: z.string(),
    timeout: z.number().positive().nullish(),
    forward_client_headers: z.boolean().nullish(),
    ignored_client_headers: z.array(z.string()).nullish(),
    headers: z.array(header).nullish(),
    ...transforms,
  }),
  permissions: z.array(z.strictObject({ role: z.string().min(1), comment: harmless })).nullish(),
  comment: nullableText,
});

const customTypes = z.strictObject({
  enums: z
    .array(
      z.strictObject({
        name: z.string(),
        description: nullableText,
        values: z
          .array(
            z.strictObject({
              value: z.string(),
              description: nullableText,
              is_deprecated: unsupported("deprecated enum values"),
            }),
          )
          .min(1),
      }),
    )
    .nullish(),
  input_objects: z
    .array(z.strictObject({ name: z.string(), description: nullableText, fields: z.array(typedField) }))
    .nullish(),
  objects: z
    .array(
      z.strictObject({
        name: z.string(),
        description: nullableText,
        fields: z.array(typedField.extend({ arguments: unsupported("arguments of action output fields") })),
        relationships: z
          .array(
            z.strictObject({
              name: z.string(),
              type: z.enum(["object", "array"]),
              source: nullableText,
              remote_table: qualifiedName,
              field_mapping: z.record(z.string(), z.string()),
            }),
          )
          .nullish(),
      }),
    )
    .nullish(),
  scalars: z.array(z.strictObject({ name: z.string(), description: nullableText })).nullish(),
});

const cronTrigger = z.strictObject({
  name: z.string(),
  webhook: z.string(),
  schedule: z.string(),
  include_in_metadata: z.boolean().default(true),
  payload: json.nullish(),
  headers: z.array(header).nullish(),
  comment: nullableText,
  retry_conf: scheduledRetry,
  ...transforms,
});

const isDocument = (text: string): boolean => {
  try {
    parse(text, { noLocation: true });
    return true;
  } catch {
    return false;
  }
};

/** A text that is no document would sit on an allow list and never allow anything. */
export const graphqlDocument = z.string().refine(isDocument, { error: "parsing the graphql query failed" });

export const collectedQuery = z.strictObject({ name: z.string().min(1), query: graphqlDocument });

const queryCollection = z.strictObject({
  name: z.string().min(1),
  definition: z.strictObject({
    queries: z.array(collectedQuery),
  }),
  comment: harmless,
});

const allowListEntry = z.strictObject({
  collection: z.string(),
  scope: z
    .strictObject({ global: z.boolean(), roles: z.array(z.string().min(1)).min(1).nullish() })
    .refine((scope) => scope.global || (scope.roles ?? []).length > 0, {
      error: "roles must be listed when the scope is not global",
    })
    .nullish(),
});

const restEndpoint = z.strictObject({
  name: z.string().min(1),
  url: z.string().min(1),
  methods: z.array(z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"])).min(1),
  definition: z.strictObject({
    query: z.strictObject({ collection_name: z.string(), query_name: z.string() }),
  }),
  comment: harmless,
});

/** The replace_metadata document, version 3: what is missing here is refused by name. */
export const metadataShape = z.strictObject({
  version: z.literal(3),
  sources: z.array(source).max(1, { error: "more than one source is not supported by this engine" }),
  actions: z.array(action).nullish(),
  custom_types: customTypes.nullish(),
  cron_triggers: z.array(cronTrigger).nullish(),
  inherited_roles: z
    .array(z.strictObject({ role_name: z.string().min(1), role_set: z.array(z.string().min(1)) }))
    .nullish(),
  remote_schemas: unsupported("remote schemas"),
  query_collections: z.array(queryCollection).nullish(),
  allowlist: z.array(allowListEntry).nullish(),
  rest_endpoints: z.array(restEndpoint).nullish(),
  network: unsupported("network settings"),
  // Limits on requests belong to the gateway, which knows plans and can refuse before the engine is asked.
  api_limits: unsupported("API limits"),
  graphql_schema_introspection: z
    .strictObject({ disabled_for_roles: z.array(z.string().min(1)).nullish() })
    .nullish(),
  backend_configs: unsupported("data connector settings"),
  metrics_config: unsupported("metrics settings"),
  opentelemetry: unsupported("OpenTelemetry settings"),
});

export type ValidateInputDocument = z.output<typeof validateInput>;
export type MetadataDocument = z.output<typeof metadataShape>;
export type SourceDocument = MetadataDocument["sources"][number];
export type TableDocument = z.output<typeof table>;
export type FunctionDocument = z.output<typeof fn>;
export type ActionDocument = z.output<typeof action>;
export type CustomTypesDocument = z.output<typeof customTypes>;
export type CronTriggerDocument = z.output<typeof cronTrigger>;
export type RelationshipDocument = NonNullable<z.output<typeof relationships>>[number];
