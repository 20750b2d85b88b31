create or replace function analytics.validate_retention()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from analytics.retained_tables as retained
    where retained.table_name = new.table_name
      and retained.has_workspace_id
      and retained.time_column is not null
  ) then
    raise exception 'table analytics.% with columns workspace_id and occurred_at or hour (timestamptz) does not exist', quote_ident(new.table_name)
      using errcode = 'check_violation', constraint = 'retention_table_name_known', table = 'retention', schema = 'analytics';
  end if;
  return null;
end
$$;

comment on function analytics.validate_retention() is 'Trigger function: raises check_violation unless analytics.retention names a table of schema analytics that has a workspace and a time. Otherwise the nightly job would fail on it.';

create or replace trigger retention_validate
  after insert or update of table_name on analytics.retention
  for each row execute function analytics.validate_retention();
