import { AppError } from "../core/index.ts";

interface Scripts {
  readonly up: string;
  readonly down: string;
}

/** `public.workspaces` as billing and usage need it, one row for each row of the project's own table of tenants. */
export function workspacesMigration(tenantTable: string): Scripts {
  if (!/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/u.test(tenantTable)) {
    throw new AppError({
      kind: "invalid-input",
      code: "invalid-input",
      message: `${tenantTable} is not schema.table in lower case`,
    });
  }
  const trigger = `${tenantTable.split(".")[1] ?? ""}_mirror_workspace`;
  return {
    up: `create table public.workspaces (
  id uuid not null,
  name text not null default '',
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now(),
  constraint workspaces_pkey primary key (id),
  constraint workspaces_id_fkey foreign key (id) references ${tenantTable} (id) on delete cascade
);

comment on table public.workspaces is 'The tenant as usage sees it: one row for each row of ${tenantTable}.';
comment on column public.workspaces.time_zone is 'Name from pg_timezone_names; periods begin at local midnight of it.';

create function public.validate_time_zone() returns trigger
language plpgsql
as $$
begin
  if new.time_zone <> 'UTC'
    and not exists (select from pg_catalog.pg_timezone_names where name = new.time_zone)
  then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

create trigger workspaces_validate_time_zone
before insert or update of time_zone on public.workspaces
for each row execute function public.validate_time_zone();

create function public.mirror_workspace() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.workspaces (id)
  values (new.id)
  on conflict on constraint workspaces_pkey do nothing;
  return null;
end
$$;

create trigger ${trigger}
after insert on ${tenantTable}
for each row execute function public.mirror_workspace();

insert into public.workspaces (id)
select id
from ${tenantTable};
`,
    down: `drop trigger ${trigger} on ${tenantTable};
drop table public.workspaces;
drop function public.mirror_workspace();
drop function public.validate_time_zone();
`,
  };
}

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

/** Its metadata: everyone reads the own row, nobody writes it. */
export const workspacesTable = `table:
  name: workspaces
  schema: public
select_permissions:
${permission("user", own, 1_000)}${permission("workspace_admin", own, 1_000)}${permission("service", own, 10_000)}${permission("operator", "      filter: {}", 10_000)}`;
