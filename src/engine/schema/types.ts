import type { GraphQLSchema } from "graphql";
import type { Catalog, ColumnInfo, FunctionArgument, FunctionInfo, TableInfo } from "../catalog/types.ts";
import type { Naming } from "./naming.ts";
import type {
  ActionMeta,
  ComputedFieldMeta,
  CustomTypes,
  DeletePermission,
  FunctionMeta,
  InsertPermission,
  Metadata,
  SelectPermission,
  TableMeta,
  UpdatePermission,
} from "../metadata/types.ts";

/** A type of the table: `authors_bool_exp`. */
export const tableType = (table: Pick<RoleTable, "meta" | "naming">, ...words: readonly string[]): string =>
  table.naming.type(table.naming.table(table.meta), ...words);

export interface ResolvedRelationship {
  readonly name: string;
  readonly kind: "object" | "array";
  /** `schema.name` of the other table. */
  readonly target: string;
  /** Local column to remote column. */
  readonly mapping: readonly { readonly from: string; readonly to: string }[];
  /** Whether the object may be absent. */
  readonly nullable: boolean;
  /** Nested inserts: whether the other row is written before this one. */
  readonly insertBefore: boolean;
  /** The other table can be selected by this role, so the relationship is a field. */
  readonly selectable: boolean;
}

/** A computed field of a table; which arguments a client hands in follows from the function. */
export interface ResolvedComputedField {
  readonly name: string;
  readonly meta: ComputedFieldMeta;
  readonly info: FunctionInfo;
  /** Position of the argument that takes the row. */
  readonly rowArgument: number;
  /** Arguments left to the client. */
  readonly inputs: readonly FunctionArgument[];
  readonly returns:
    | { readonly kind: "scalar"; readonly column: ColumnInfo }
    | { readonly kind: "rows"; readonly target: string };
  readonly selectable: boolean;
}

/** A tracked table as one role sees it. Absent permission: the role cannot do it. */
export interface RoleTable {
  readonly meta: TableMeta;
  readonly info: TableInfo;
  readonly key: string;
  /** The name of the row's type. */
  readonly graphqlName: string;
  readonly naming: Naming;
  /** Selectable columns by GraphQL field name. */
  readonly columns: ReadonlyMap<string, ColumnInfo>;
  /** Every column of the table by GraphQL field name, for insert and update inputs. */
  readonly allColumns: ReadonlyMap<string, ColumnInfo>;
  /** Columns the role may hand in, by GraphQL field name; presets are not among them. */
  readonly insertColumns: ReadonlyMap<string, ColumnInfo>;
  readonly updateColumns: ReadonlyMap<string, ColumnInfo>;
  /** All relationships of the metadata; permissions may use those whose target the role cannot select. */
  readonly relationships: ReadonlyMap<string, ResolvedRelationship>;
  /** All computed fields of the metadata, whether the role may select them or not. */
  readonly computedFields: ReadonlyMap<string, ResolvedComputedField>;
  readonly select?: SelectPermission;
  readonly insert?: InsertPermission;
  readonly update?: UpdatePermission;
  readonly delete?: DeletePermission;
}

export interface RoleFunction {
  readonly meta: FunctionMeta;
  readonly info: FunctionInfo;
  readonly key: string;
  /** The returned table, `schema.name`. */
  readonly table: string;
  readonly naming: Naming;
}

export interface RoleSchema {
  readonly role: string;
  readonly schema: GraphQLSchema;
  /** All tracked tables by `schema.name`, also those the role cannot see: permission filters cross them. */
  readonly tables: ReadonlyMap<string, RoleTable>;
  /** Functions the role may call, by `schema.name`. */
  readonly functions: ReadonlyMap<string, RoleFunction>;
  /** Actions the role may call, by name. */
  readonly actions: ReadonlyMap<string, ActionMeta>;
  readonly customTypes: CustomTypes;
  /** Whether the role may ask for the schema itself. */
  readonly introspection: boolean;
}

export interface SchemaOptions {
  readonly stringifyNumericTypes: boolean;
  readonly inferFunctionPermissions: boolean;
}

export interface BuildRoleSchemaInput {
  readonly metadata: Metadata;
  readonly catalog: Catalog;
  readonly role: string;
  /** The request may use permissions marked backend_only. */
  readonly backendOnly: boolean;
  readonly options: SchemaOptions;
}
