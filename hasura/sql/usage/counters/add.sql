create or replace function usage.add(
  workspace_id uuid,
  metric text,
  delta bigint,
  enforce boolean default true
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _kind text;
begin
  select m.kind
  into _kind
  from usage.metrics m
  where m.key = $2;
  if $3 is distinct from 0 or _kind is null or $1 is null then
    perform usage.take($1, $2, $3, $4);
  end if;
  return coalesce(
    (
      select t.used
      from usage.counter_totals t
      where t.workspace_id = $1
        and t.metric = $2
        and t.period_start = case _kind when 'gauge' then '-infinity' else (select p.period_start from usage.period($1) p) end
    ),
    0
  );
end
$$;

comment on function usage.add(uuid, text, bigint, boolean) is 'Adds to a counter, refuses with SQLSTATE 23U01 what would pass a hard limit, and returns the use that this statement sees';

revoke execute on function usage.add(uuid, text, bigint, boolean) from public;
