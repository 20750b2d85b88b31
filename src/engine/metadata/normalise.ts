import { MetadataError } from "./errors.ts";
import { eventTrigger, headers, scheduledRetry, transforms } from "./normalise-webhooks.ts";
import type {
  ActionDocument,
  CronTriggerDocument,
  CustomTypesDocument,
  FunctionDocument,
  MetadataDocument,
  RelationshipDocument,
  SourceDocument,
  TableDocument,
  ValidateInputDocument,
} from "./shape.ts";
import {
  type ActionMeta,
  type CronTriggerMeta,
  type CustomRootField,
  type CustomTypes,
  type FunctionMeta,
  type Json,
  type Metadata,
  qualifiedKey,
  type RelMeta,
  type Source,
  type TableMeta,
  type TableRootField,
  type ValidateInput,
} from "./types.ts";

const duplicate = (what: string, name: string): MetadataError =>
  new MetadataError({ file: null, path: what, key: name, reason: `"${name}" stands there twice` });

const assertUnique = (what: string, names: readonly string[]): void => {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw duplicate(what, name);
    }
    seen.add(name);
  }
};

/** Leaves out what is null, undefined or empty, so that optional properties are either there or absent. */
const text = <K extends string>(key: K, value: string | null | undefined): Partial<Record<K, string>> =>
  value === null || value === undefined || value === "" ? {} : ({ [key]: value } as Record<K, string>);

const relationship = (document: RelationshipDocument): RelMeta => {
  const common = { name: document.name, ...text("comment", document.comment) };
  if ("manual_configuration" in document.using) {
    const manual = document.using.manual_configuration;
    return {
      ...common,
      kind: "manual",
      remoteTable: manual.remote_table,
      mapping: new Map(Object.entries(manual.column_mapping)),
      insertionOrder: manual.insertion_order ?? "before_parent",
    };
  }
  const on = document.using.foreign_key_constraint_on;
  if (typeof on === "string") {
    return { ...common, kind: "fk", columns: [on] };
  }
  if ("table" in on) {
    return {
      ...common,
      kind: "fk",
      remote: { table: on.table, columns: "column" in on ? [on.column] : on.columns },
    };
  }
  return { ...common, kind: "fk", columns: on };
};

interface Entry<P> {
  readonly role: string;
  readonly permission: P;
}

const byRole = <P, Q>(
  what: string,
  entries: readonly Entry<P>[] | null | undefined,
  convert: (permission: P) => Q,
): ReadonlyMap<string, Q> => {
  const list = entries ?? [];
  assertUnique(
    what,
    list.map((entry) => entry.role),
  );
  const admin = list.find((entry) => entry.role === "admin");
  if (admin !== undefined) {
    throw new MetadataError({
      file: null,
      path: what,
      key: "admin",
      reason: "admin may do everything already",
    });
  }
  return new Map(list.map((entry) => [entry.role, convert(entry.permission)]));
};

const rootFields = <K extends string>(
  document: Readonly<
    Partial<
      Record<
        K,
        string | { name?: string | null | undefined; comment?: string | null | undefined } | null | undefined
      >
    >
  >,
): Partial<Record<K, CustomRootField>> => {
  const result: Partial<Record<K, CustomRootField>> = {};
  for (const key of Object.keys(document) as K[]) {
    const value = document[key];
    if (value !== null && value !== undefined) {
      result[key] =
        typeof value === "string"
          ? text("name", value)
          : { ...text("name", value.name), ...text("comment", value.comment) };
    }
  }
  return result;
};

const validation = (
  document: ValidateInputDocument | null | undefined,
): { readonly validateInput?: ValidateInput } =>
  document === null || document === undefined
    ? {}
    : {
        validateInput: {
          url: document.definition.url,
          headers: headers(document.definition.headers),
          forwardClientHeaders: document.definition.forward_client_headers ?? false,
          timeoutSeconds: document.definition.timeout ?? 10,
        },
      };

const tableMeta = (document: TableDocument): TableMeta => {
  const configuration = document.configuration ?? {};
  const key = qualifiedKey(document.table);
  const columnConfig = new Map(
    Object.entries(configuration.custom_column_names ?? {}).map(([column, customName]) => [
      column,
      { customName } as { readonly customName?: string; readonly comment?: string },
    ]),
  );
  for (const [column, config] of Object.entries(configuration.column_config ?? {})) {
    columnConfig.set(column, {
      ...columnConfig.get(column),
      ...text("customName", config.custom_name),
      ...text("comment", config.comment),
    });
  }
  const objectRelationships = (document.object_relationships ?? []).map(relationship);
  const arrayRelationships = (document.array_relationships ?? []).map(relationship);
  const computedFields = (document.computed_fields ?? []).map(({ name, definition, comment }) => ({
    name,
    function: definition.function,
    ...text("tableArgument", definition.table_argument),
    ...text("sessionArgument", definition.session_argument),
    ...text("comment", comment),
  }));
  assertUnique(
    `${key} relationships`,
    [...objectRelationships, ...arrayRelationships, ...computedFields].map((rel) => rel.name),
  );
  return {
    table: document.table,
    isEnum: document.is_enum ?? false,
    ...text("customName", configuration.custom_name),
    ...text("comment", configuration.comment),
    customRootFields: rootFields<TableRootField>(configuration.custom_root_fields ?? {}),
    columnConfig,
    objectRelationships,
    arrayRelationships,
    computedFields,
    permissions: {
      select: byRole(`${key} select_permissions`, document.select_permissions, (permission) => ({
        columns: permission.columns,
        computedFields: permission.computed_fields ?? [],
        filter: permission.filter,
        ...(typeof permission.limit === "number" ? { limit: permission.limit } : {}),
        allowAggregations: permission.allow_aggregations ?? false,
        queryRootFields: permission.query_root_fields ?? null,
        subscriptionRootFields: permission.subscription_root_fields ?? null,
      })),
      insert: byRole(`${key} insert_permissions`, document.insert_permissions, (permission) => ({
        columns: permission.columns,
        check: permission.check,
        set: permission.set ?? {},
        backendOnly: permission.backend_only ?? false,
        ...validation(permission.validate_input),
      })),
      update: byRole(`${key} update_permissions`, document.update_permissions, (permission) => ({
        columns: permission.columns,
        filter: permission.filter,
        check: permission.check ?? null,
        set: permission.set ?? {},
        backendOnly: permission.backend_only ?? false,
        ...validation(permission.validate_input),
      })),
      delete: byRole(`${key} delete_permissions`, document.delete_permissions, (permission) => ({
        filter: permission.filter,
        backendOnly: permission.backend_only ?? false,
        ...validation(permission.validate_input),
      })),
    },
    eventTriggers: (document.event_triggers ?? []).map(eventTrigger),
  };
};

const functionMeta = (document: FunctionDocument): FunctionMeta => {
  const configuration = document.configuration ?? {};
  return {
    function: document.function,
    ...text("customName", configuration.custom_name),
    customRootFields: rootFields<"function" | "function_aggregate">(configuration.custom_root_fields ?? {}),
    ...(configuration.exposed_as ? { exposedAs: configuration.exposed_as } : {}),
    ...text("sessionArgument", configuration.session_argument),
    ...text("comment", document.comment),
    permissions: (document.permissions ?? []).map((permission) => permission.role),
  };
};

const source = (document: SourceDocument): Source => {
  const url = document.configuration.connection_info.database_url;
  const tables = (document.tables ?? []).map(tableMeta);
  const functions = (document.functions ?? []).map(functionMeta);
  assertUnique(
    "event_triggers",
    tables.flatMap((table) => table.eventTriggers.map((trigger) => trigger.name)),
  );
  assertUnique(
    "tables",
    tables.map((table) => qualifiedKey(table.table)),
  );
  assertUnique(
    "functions",
    functions.map((fn) => qualifiedKey(fn.function)),
  );
  return {
    name: document.name,
    kind: "postgres",
    databaseUrl: typeof url === "string" ? { url } : { fromEnv: url.from_env },
    tables,
    functions,
    customization: {
      namingConvention: document.customization?.naming_convention ?? "hasura-default",
      rootFields: {
        ...text("namespace", document.customization?.root_fields?.namespace),
        ...text("prefix", document.customization?.root_fields?.prefix),
        ...text("suffix", document.customization?.root_fields?.suffix),
      },
      typeNames: {
        ...text("prefix", document.customization?.type_names?.prefix),
        ...text("suffix", document.customization?.type_names?.suffix),
      },
    },
  };
};

const typedField = (document: {
  readonly name: string;
  readonly type: string;
  readonly description?: string | null | undefined;
}) => ({ name: document.name, type: document.type, ...text("description", document.description) });

const action = (document: ActionDocument): ActionMeta => ({
  name: document.name,
  kind: document.definition.kind === "asynchronous" ? "asynchronous" : "synchronous",
  operation: document.definition.type ?? "mutation",
  arguments: (document.definition.arguments ?? []).map(typedField),
  outputType: document.definition.output_type,
  handler: document.definition.handler,
  timeoutSeconds: document.definition.timeout ?? 30,
  forwardClientHeaders: document.definition.forward_client_headers ?? false,
  ...(document.definition.ignored_client_headers
    ? { ignoredClientHeaders: document.definition.ignored_client_headers }
    : {}),
  headers: headers(document.definition.headers),
  ...transforms(document.definition),
  permissions: (document.permissions ?? []).map((permission) => permission.role),
  ...text("comment", document.comment),
});

const customTypes = (document: CustomTypesDocument): CustomTypes => {
  const result: CustomTypes = {
    objects: (document.objects ?? []).map((object) => ({
      name: object.name,
      ...text("description", object.description),
      fields: object.fields.map(typedField),
      relationships: (object.relationships ?? []).map((relationship) => ({
        name: relationship.name,
        kind: relationship.type,
        remoteTable: relationship.remote_table,
        mapping: new Map(Object.entries(relationship.field_mapping)),
      })),
    })),
    inputObjects: (document.input_objects ?? []).map((object) => ({
      name: object.name,
      ...text("description", object.description),
      fields: object.fields.map(typedField),
    })),
    enums: (document.enums ?? []).map((type) => ({
      name: type.name,
      ...text("description", type.description),
      values: type.values.map((value) => ({ value: value.value, ...text("description", value.description) })),
    })),
    scalars: (document.scalars ?? []).map((scalar) => ({
      name: scalar.name,
      ...text("description", scalar.description),
    })),
  };
  assertUnique(
    "custom_types",
    Object.values(result).flatMap((types: readonly { readonly name: string }[]) =>
      types.map((type) => type.name),
    ),
  );
  return result;
};

const cronTrigger = (document: CronTriggerDocument): CronTriggerMeta => ({
  name: document.name,
  webhook: document.webhook,
  schedule: document.schedule,
  includeInMetadata: document.include_in_metadata,
  payload: document.payload ?? null,
  headers: headers(document.headers),
  ...text("comment", document.comment),
  ...transforms(document),
  retry: scheduledRetry(document.retry_conf),
});

/** Output types are joined to tables of the one source; another one's name would join the wrong tables. */
const assertOwnSource = (document: MetadataDocument): void => {
  const [own] = document.sources;
  for (const { name, relationships } of document.custom_types?.objects ?? []) {
    for (const relationship of relationships ?? []) {
      const wanted = relationship.source ?? own?.name;
      if (wanted === own?.name) continue;
      throw new MetadataError({
        file: null,
        path: `custom_types.objects ${name}.relationships ${relationship.name}`,
        key: "source",
        reason: `the source "${String(wanted)}" does not exist`,
      });
    }
  }
};

/** From Hasura's document to the engine's own words, with every default written out. */
export const normaliseMetadata = (document: MetadataDocument, raw: Json): Metadata => {
  assertOwnSource(document);
  const actions = (document.actions ?? []).map(action);
  const cronTriggers = (document.cron_triggers ?? []).map(cronTrigger);
  assertUnique(
    "actions",
    actions.map((entry) => entry.name),
  );
  assertUnique(
    "cron_triggers",
    cronTriggers.map((entry) => entry.name),
  );
  const inheritedRoles = (document.inherited_roles ?? []).map((role) => ({
    roleName: role.role_name,
    roleSet: role.role_set,
  }));
  assertUnique(
    "inherited_roles",
    inheritedRoles.map((role) => role.roleName),
  );
  const queryCollections = (document.query_collections ?? []).map((collection) => ({
    name: collection.name,
    queries: new Map(collection.definition.queries.map(({ name, query }) => [name, query])),
  }));
  assertUnique(
    "query_collections",
    queryCollections.map((collection) => collection.name),
  );
  assertUnique(
    "rest_endpoints",
    (document.rest_endpoints ?? []).map((endpoint) => endpoint.name),
  );
  return {
    version: 3,
    sources: document.sources.map(source),
    actions,
    customTypes: customTypes(document.custom_types ?? {}),
    cronTriggers,
    inheritedRoles,
    queryCollections,
    allowList: (document.allowlist ?? []).map(({ collection, scope }) => ({
      collection,
      roles: scope === null || scope === undefined || scope.global ? null : (scope.roles ?? []),
    })),
    // An endpoint without its query never gets here: the check of consistency takes it out and names it.
    restEndpoints: (document.rest_endpoints ?? []).flatMap(({ name, url, methods, definition }) => {
      const collection = queryCollections.find((one) => one.name === definition.query.collection_name);
      const query = collection?.queries.get(definition.query.query_name);
      return query === undefined ? [] : [{ name, url, methods, query }];
    }),
    introspectionDisabledFor: document.graphql_schema_introspection?.disabled_for_roles ?? [],
    raw,
  };
};
