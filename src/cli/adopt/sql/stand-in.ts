import type { Choices } from "../options.ts";
import { quoteIdent, quoteTable } from "./identifier.ts";
import type { Tenant } from "./workspaces.ts";

/** The tables of an application that the product refers to, empty: enough to install it without the application's migrations. */
export const standInTables = (tenant: Tenant | undefined, { members }: Choices): string => {
  const schemas = [tenant?.schema, members?.schema].flatMap((schema) =>
    schema === undefined ? [] : [`create schema if not exists ${quoteIdent(schema)};`],
  );
  const tenants =
    tenant === undefined
      ? `create table public.workspaces (
  id uuid primary key,
  name text not null default '',
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now()
);`
      : `create table ${quoteTable(tenant)} (${quoteIdent(tenant.key)} uuid primary key);`;
  if (members === undefined) return [...schemas, tenants].join("\n");
  const columns = [`${quoteIdent(members.tenantColumn)} uuid`, `${quoteIdent(members.userColumn)} uuid`];
  if (members.roleColumn !== undefined) columns.push(`${quoteIdent(members.roleColumn)} text`);
  return [...schemas, tenants, `create table ${quoteTable(members)} (${columns.join(", ")});`].join("\n");
};
