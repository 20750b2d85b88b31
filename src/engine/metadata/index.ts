/**
 * Reads Hasura v2 metadata, as a CLI folder or as one document, into the engine's own types. Strict: a key that the
 * engine would not carry out is refused by name, because a dropped permission rule is a hole.
 */
export { MetadataError, type MetadataErrorOptions } from "./errors.ts";
export { loadMetadataFolder } from "./load-folder.ts";
export { parseMetadata } from "./parse-metadata.ts";
export {
  type ActionMeta,
  type ColumnConfig,
  type ColumnSet,
  type CronTriggerMeta,
  type CustomEnum,
  type CustomInputObject,
  type CustomObjectType,
  type CustomRootField,
  type CustomScalar,
  type CustomTypes,
  type DeletePermission,
  type EventOperation,
  type EventOperationName,
  type EventTriggerMeta,
  type FunctionMeta,
  type HeaderMeta,
  type InheritedRole,
  type InsertPermission,
  type Json,
  type JsonObject,
  type Metadata,
  type QualifiedName,
  qualifiedKey,
  type RelMeta,
  type RestEndpoint,
  type SelectPermission,
  type SelectRootField,
  type Source,
  type TableMeta,
  type TablePermissions,
  type TableRootField,
  type Transforms,
  type TypedField,
  type TypeRelationship,
  type UpdatePermission,
} from "./types.ts";
