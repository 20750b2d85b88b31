import { type RoleName, isProductRole, productRoles, type SessionNameSettings } from "../../core/index.ts";
import { refuse } from "./fault.ts";

/** A table by schema and name, as Postgres stores them: unquoted. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Where an application keeps who belongs to which tenant. */
export interface Members extends TableName {
  readonly tenantColumn: string;
  readonly userColumn: string;
  /** Without it every member counts as a plain member. */
  readonly roleColumn: string | undefined;
}

/** What a project decides once; the manifest keeps it. */
export interface Choices {
  /** Name of the source in the project's metadata. */
  readonly source: string;
  /** The application's table of tenants; undefined where it is `public.workspaces` itself. */
  readonly tenant: TableName | undefined;
  readonly members: Members | undefined;
  readonly names: SessionNameSettings;
}

const example = "write schema.table, as public.organisations";

export const tableText = ({ schema, name }: TableName): string => `${schema}.${name}`;

/** Reads `schema.table`. */
export const parseTable = (text: string): TableName => {
  const [schema = "", name = "", ...rest] = text.split(".");
  if (schema === "" || name === "" || rest.length > 0)
    throw refuse("invalid-option", `--tenant ${text} is not a table`, example);
  return { schema, name };
};

/** Reads `schema.table:tenant_column,user_column[,role_column]`. */
export const parseMembers = (text: string): Members => {
  const [table = "", columns = "", ...rest] = text.split(":");
  const [tenantColumn = "", userColumn = "", roleColumn, ...more] = columns
    .split(",")
    .map((name) => name.trim());
  const [schema = "", name = "", ...parts] = table.split(".");
  const wrong = [schema, name, tenantColumn, userColumn, roleColumn ?? "-"].includes("");
  if (wrong || rest.length + more.length + parts.length > 0)
    throw refuse(
      "invalid-option",
      `--members ${text} is not a table with its columns`,
      "write schema.table:tenant_column,user_column[,role_column]",
    );
  return { schema, name, tenantColumn, userColumn, roleColumn };
};

/** Reads `their_role=our_role`. */
export const parseRole = (text: string): RoleName => {
  const [theirs = "", ours = "", ...rest] = text.split("=").map((name) => name.trim());
  if (theirs === "" || theirs === "admin" || rest.length > 0 || !isProductRole(ours))
    throw refuse(
      "invalid-option",
      `--role ${text} does not map a role`,
      `write <your role>=<${productRoles.join("|")}>; admin stays admin`,
    );
  return { theirs, ours };
};

/** Reads the name of a session variable; lower case, as Hasura hands it on. */
export const parseClaim = (option: string, text: string): string => {
  const name = text.toLowerCase();
  if (!/^x-hasura-(?!role$|admin-secret$)[a-z0-9_-]+$/u.test(name))
    throw refuse(
      "invalid-option",
      `${option} ${text} is not a session variable`,
      "write one that your tokens carry, as x-hasura-org-id",
    );
  return name;
};
