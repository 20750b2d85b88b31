import type { RequestTransform, ResponseTransform } from "../transforms/types.ts";

/** Any JSON value, as metadata and permissions hold it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/** The key under which tables and functions are kept in every map: `schema.name`. */
export const qualifiedKey = (name: QualifiedName): string => `${name.schema}.${name.name}`;

export interface ColumnConfig {
  readonly customName?: string;
  readonly comment?: string;
}

/** Which columns join, without asking the catalog; `fk` is completed from the foreign keys of the catalog. */
export type RelMeta =
  | {
      readonly name: string;
      readonly kind: "fk";
      readonly comment?: string;
      /** Local foreign key columns (object relationship), absent when the key stands in the other table. */
      readonly columns?: readonly string[];
      /** The table that holds the foreign key and its columns (array relationship, or reverse object relationship). */
      readonly remote?: { readonly table: QualifiedName; readonly columns: readonly string[] };
    }
  | {
      readonly name: string;
      readonly kind: "manual";
      readonly comment?: string;
      readonly remoteTable: QualifiedName;
      /** Local column to remote column. */
      readonly mapping: ReadonlyMap<string, string>;
      /** Object relationships only: whether a nested insert writes the remote row before or after this one. */
      readonly insertionOrder: "before_parent" | "after_parent";
    };

export type ColumnSet = "*" | readonly string[];

export type SelectRootField = "select" | "select_by_pk" | "select_aggregate" | "select_stream";

export interface SelectPermission {
  readonly columns: ColumnSet;
  /** Scalar computed fields by name; those that return rows follow from the permission on their table. */
  readonly computedFields: ColumnSet;
  readonly filter: Json;
  readonly limit?: number;
  readonly allowAggregations: boolean;
  /** Null or absent: all of them. */
  readonly queryRootFields?: readonly SelectRootField[] | null;
  readonly subscriptionRootFields?: readonly SelectRootField[] | null;
  /** Inherited roles only: the permissions this one is made of, which decide about single cells. */
  readonly parents?: readonly SelectPermission[];
}

/** A webhook that is asked before the mutation; a refusal ends the request. */
export interface ValidateInput {
  readonly url: string;
  readonly headers: readonly HeaderMeta[];
  readonly forwardClientHeaders: boolean;
  readonly timeoutSeconds: number;
}

export interface InsertPermission {
  readonly columns: ColumnSet;
  readonly check: Json;
  readonly set: Readonly<Record<string, Json>>;
  readonly backendOnly: boolean;
  readonly validateInput?: ValidateInput;
}

export interface UpdatePermission {
  readonly columns: ColumnSet;
  readonly filter: Json;
  readonly check: Json | null;
  readonly set: Readonly<Record<string, Json>>;
  readonly backendOnly: boolean;
  readonly validateInput?: ValidateInput;
}

export interface DeletePermission {
  readonly filter: Json;
  readonly backendOnly: boolean;
  readonly validateInput?: ValidateInput;
}

export interface TablePermissions {
  readonly select: ReadonlyMap<string, SelectPermission>;
  readonly insert: ReadonlyMap<string, InsertPermission>;
  readonly update: ReadonlyMap<string, UpdatePermission>;
  readonly delete: ReadonlyMap<string, DeletePermission>;
}

export type TableRootField =
  | "select"
  | "select_by_pk"
  | "select_aggregate"
  | "select_stream"
  | "insert"
  | "insert_one"
  | "update"
  | "update_by_pk"
  | "update_many"
  | "delete"
  | "delete_by_pk";

export interface CustomRootField {
  readonly name?: string;
  readonly comment?: string;
}

/** A function over a row of the table, shown as a field of that row. */
export interface ComputedFieldMeta {
  readonly name: string;
  readonly function: QualifiedName;
  /** Absent: the first argument takes the row. */
  readonly tableArgument?: string;
  readonly sessionArgument?: string;
  readonly comment?: string;
}

export interface TableMeta {
  readonly table: QualifiedName;
  readonly isEnum: boolean;
  readonly customName?: string;
  readonly comment?: string;
  readonly customRootFields: Readonly<Partial<Record<TableRootField, CustomRootField>>>;
  readonly columnConfig: ReadonlyMap<string, ColumnConfig>;
  readonly objectRelationships: readonly RelMeta[];
  readonly arrayRelationships: readonly RelMeta[];
  readonly computedFields: readonly ComputedFieldMeta[];
  readonly permissions: TablePermissions;
  readonly eventTriggers: readonly EventTriggerMeta[];
}

export interface FunctionMeta {
  readonly function: QualifiedName;
  readonly customName?: string;
  readonly customRootFields: Readonly<Partial<Record<"function" | "function_aggregate", CustomRootField>>>;
  readonly exposedAs?: "query" | "mutation";
  readonly sessionArgument?: string;
  readonly comment?: string;
  readonly permissions: readonly string[];
}

/** How a source's names are made. */
export interface SourceCustomization {
  readonly namingConvention: "hasura-default" | "graphql-default";
  readonly rootFields: { readonly namespace?: string; readonly prefix?: string; readonly suffix?: string };
  readonly typeNames: { readonly prefix?: string; readonly suffix?: string };
}

export interface Source {
  readonly name: string;
  readonly kind: "postgres";
  /** A URL, or the name of the environment variable that holds it. */
  readonly databaseUrl: { readonly url: string } | { readonly fromEnv: string };
  readonly tables: readonly TableMeta[];
  readonly functions: readonly FunctionMeta[];
  readonly customization: SourceCustomization;
}

export interface Transforms {
  readonly requestTransform?: RequestTransform;
  readonly responseTransform?: ResponseTransform;
}

export interface HeaderMeta {
  readonly name: string;
  readonly value?: string;
  readonly valueFromEnv?: string;
}

/** An argument or field, its type in GraphQL notation: `[uuid!]!`. */
export interface TypedField {
  readonly name: string;
  readonly type: string;
  readonly description?: string;
}

export type EventOperationName = "INSERT" | "UPDATE" | "DELETE";

export interface EventOperation {
  /** Of an update: only a change of one of these counts. */
  readonly columns: ColumnSet;
  /** The columns that old and new rows carry. */
  readonly payload: ColumnSet;
}

/** How often and how long a webhook is tried. */
export interface Retry {
  readonly numRetries: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
}

export interface EventTriggerMeta extends Transforms {
  readonly name: string;
  readonly operations: Readonly<Partial<Record<EventOperationName, EventOperation>>>;
  /** An administrator may send an event of its own making. */
  readonly enableManual: boolean;
  readonly onReplication: boolean;
  /** A URL with `{{NAME}}`, or the name of the variable that holds it. */
  readonly webhook: { readonly url: string } | { readonly fromEnv: string };
  readonly headers: readonly HeaderMeta[];
  readonly retry: Retry;
}

export interface ActionMeta extends Transforms {
  readonly name: string;
  readonly kind: "synchronous" | "asynchronous";
  readonly operation: "query" | "mutation";
  readonly arguments: readonly TypedField[];
  readonly outputType: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly forwardClientHeaders: boolean;
  /** Replaces the list of client headers that are never handed on. */
  readonly ignoredClientHeaders?: readonly string[];
  readonly headers: readonly HeaderMeta[];
  readonly permissions: readonly string[];
  readonly comment?: string;
}

/** Joins the output of an action to a tracked table. */
export interface TypeRelationship {
  readonly name: string;
  readonly kind: "object" | "array";
  readonly remoteTable: QualifiedName;
  /** Field of the output type to column of the table. */
  readonly mapping: ReadonlyMap<string, string>;
}

export interface CustomObjectType {
  readonly name: string;
  readonly description?: string;
  readonly fields: readonly TypedField[];
  readonly relationships: readonly TypeRelationship[];
}

export interface CustomInputObject {
  readonly name: string;
  readonly description?: string;
  readonly fields: readonly TypedField[];
}

export interface CustomEnum {
  readonly name: string;
  readonly description?: string;
  readonly values: readonly { readonly value: string; readonly description?: string }[];
}

export interface CustomScalar {
  readonly name: string;
  readonly description?: string;
}

export interface CustomTypes {
  readonly objects: readonly CustomObjectType[];
  readonly inputObjects: readonly CustomInputObject[];
  readonly enums: readonly CustomEnum[];
  readonly scalars: readonly CustomScalar[];
}

export interface ScheduledRetry extends Retry {
  /** An event that is later than this is not sent any more. */
  readonly toleranceSeconds: number;
}

export interface CronTriggerMeta extends Transforms {
  readonly name: string;
  readonly webhook: string;
  readonly schedule: string;
  readonly includeInMetadata: boolean;
  readonly payload: Json;
  readonly headers: readonly HeaderMeta[];
  readonly comment?: string;
  readonly retry: ScheduledRetry;
}

export interface InheritedRole {
  readonly roleName: string;
  readonly roleSet: readonly string[];
}

export interface QueryCollection {
  readonly name: string;
  readonly queries: ReadonlyMap<string, string>;
}

export interface AllowListEntry {
  readonly collection: string;
  /** Null: every role. */
  readonly roles: readonly string[] | null;
}

export interface RestEndpoint {
  readonly name: string;
  readonly url: string;
  readonly methods: readonly string[];
  /** The document it answers with. */
  readonly query: string;
}

/** Everything the engine acts on; what it would not act on never gets this far. */
export interface Metadata {
  readonly version: 3;
  readonly sources: readonly Source[];
  readonly actions: readonly ActionMeta[];
  readonly customTypes: CustomTypes;
  readonly cronTriggers: readonly CronTriggerMeta[];
  readonly inheritedRoles: readonly InheritedRole[];
  readonly queryCollections: readonly QueryCollection[];
  readonly allowList: readonly AllowListEntry[];
  readonly restEndpoints: readonly RestEndpoint[];
  /** Roles that may not ask for the schema. */
  readonly introspectionDisabledFor: readonly string[];
  /** The replace_metadata form, as export_metadata gives it back. */
  readonly raw: Json;
}
