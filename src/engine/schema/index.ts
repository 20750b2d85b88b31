/**
 * Builds the GraphQL schema of a role from metadata and catalog, named and hidden as Hasura does it. Every field says
 * in `extensions.binding` what it stands for, so that planning never reads names.
 */
export { type AggregateFunction, bindingOf, type FieldBinding } from "./bindings.ts";
export { buildRoleSchema } from "./build-role-schema.ts";
export { InconsistentMetadataError } from "./errors.ts";
export { type InheritanceConflict, withInheritedRoles, type WithInheritedRoles } from "./inherited-roles.ts";
export { Naming, namingOf } from "./naming.ts";
export { adminRole, buildRoleTables } from "./role-tables.ts";
export { elementType, isArrayType, scalarName } from "./scalars.ts";
export type {
  BuildRoleSchemaInput,
  ResolvedRelationship,
  RoleFunction,
  RoleSchema,
  RoleTable,
  SchemaOptions,
} from "./types.ts";
