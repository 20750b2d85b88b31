import type { TableName } from "../options.ts";
import type { Script, TrackedFile } from "../release/index.ts";
import { quoteIdent, quoteTable } from "./identifier.ts";

/** The application's table of tenants; `key` is its primary key, one column of type uuid. */
export interface Tenant extends TableName {
  readonly key: string;
}

const trigger = "hasura_usage_mirror_workspace";

/** `public.workspaces`, which everything of the product refers to: one row for each tenant. */
export const workspacesTable = (tenant: Tenant): Script => ({
  name: "workspaces",
  up: `create table public.workspaces (
  id uuid not null,
  name text not null default '',
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now(),
  constraint workspaces_pkey primary key (id),
  constraint workspaces_id_fkey foreign key (id) references ${quoteTable(tenant)} (${quoteIdent(tenant.key)}) on delete cascade
);

comment on table public.workspaces is 'The tenant as the product sees it: one row for each row of ${tenant.schema}.${tenant.name}.';
comment on column public.workspaces.time_zone is 'Name from pg_timezone_names; periods begin at local midnight of it.';
`,
  down: "drop table public.workspaces;\n",
});

/** Keeps `public.workspaces` in step with the tenants, and fills it. Needs the schemas of the product. */
export const workspacesMirror = (tenant: Tenant): Script => {
  const table = quoteTable(tenant);
  const key = quoteIdent(tenant.key);
  return {
    name: "workspaces_mirror",
    up: `create function usage.validate_time_zone()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pg_timezone_names as zone where zone.name = new.time_zone) then
    raise exception using
      errcode = 'check_violation',
      message = format('unknown time zone "%s"', new.time_zone),
      constraint = 'workspaces_time_zone_known',
      table = 'workspaces',
      schema = 'public';
  end if;
  return new;
end
$$;

comment on function usage.validate_time_zone() is 'Refuses a time zone that Postgres does not know';

revoke execute on function usage.validate_time_zone() from public;

create trigger workspaces_validate_time_zone
  before insert or update of time_zone on public.workspaces
  for each row
  when (new.time_zone <> 'UTC')
  execute function usage.validate_time_zone();

create function usage.mirror_workspace()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.workspaces (id)
  values (new.${key})
  on conflict on constraint workspaces_pkey do nothing;
  return null;
end
$$;

comment on function usage.mirror_workspace() is 'Makes a workspace of a new row of ${tenant.schema}.${tenant.name}, with the rights of its owner';

revoke execute on function usage.mirror_workspace() from public;

create trigger ${trigger}
  after insert on ${table}
  for each row execute function usage.mirror_workspace();

insert into public.workspaces (id)
select tenant.${key}
from ${table} as tenant;
`,
    down: `drop trigger ${trigger} on ${table};
drop function usage.mirror_workspace();
drop trigger workspaces_validate_time_zone on public.workspaces;
drop function usage.validate_time_zone();
`,
  };
};

const permission = (role: string, filter: string, limit: number): string => `  - role: ${role}
    permission:
      columns:
        - created_at
        - id
        - name
        - time_zone
${filter}
      limit: ${String(limit)}
    comment: ""
`;

const own = `      filter:
        id:
          _eq: X-Hasura-Workspace-Id`;

/** Its metadata, in the product's names: everyone reads the own row, nobody writes it. */
export const workspacesMetadata: TrackedFile = {
  file: "public_workspaces.yaml",
  text: `table:
  name: workspaces
  schema: public
select_permissions:
${permission("operator", "      filter: {}", 10_000)}${permission("service", own, 10_000)}${permission("user", own, 1_000)}${permission("workspace_admin", own, 1_000)}`,
};
