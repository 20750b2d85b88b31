/** A right on an object; the owner's own are listed under `current_user`, so that databases of different owners compare. */
export interface Grant {
  /** As `execute`, or `select (name)` on a column; lower case. */
  readonly privilege: string;
  /** As written behind `to`: quoted where needed, or `public`. */
  readonly grantee: string;
  readonly isGrantable: boolean;
}

export interface ColumnComment {
  /** Quoted where needed. */
  readonly column: string;
  readonly comment: string;
}

/** A routine, view or trigger as Postgres parsed and stored it. */
export interface CatalogObject {
  readonly class: "routine" | "view" | "trigger";
  readonly oid: string;
  /** What a statement calls it, as `function usage.gate(jsonb)`, `view usage.current` or `trigger t on public.files`. */
  readonly label: string;
  /** Schema and name of the source that owns it: its own, or those of the function that a trigger calls. */
  readonly schema: string;
  readonly name: string;
  /** The statement that creates or replaces it, without its semicolon. */
  readonly definition: string;
  readonly comment: string | null;
  readonly columnComments: readonly ColumnComment[];
  readonly grants: readonly Grant[];
  /** What its grants are when nobody granted or revoked anything. */
  readonly defaultGrants: readonly Grant[];
  /** Made in the database by a routine, so that no source holds it. */
  readonly isGenerated: boolean;
}

/** The same for a function and for a procedure with its name and parameters: only one of them can exist. */
export type ObjectKey = string;

export const routineKey = (schema: string, name: string, argumentTypes: readonly string[]): ObjectKey =>
  JSON.stringify(["routine", schema, name, ...argumentTypes]);
export const viewKey = (schema: string, name: string): ObjectKey => JSON.stringify(["view", schema, name]);
export const triggerKey = (schema: string, table: string, name: string): ObjectKey =>
  JSON.stringify(["trigger", schema, table, name]);

/** What a database holds, by key. */
export type Description = ReadonlyMap<ObjectKey, CatalogObject>;
