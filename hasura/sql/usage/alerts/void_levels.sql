create or replace function usage.void_levels()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _plans text[];
  _metrics text[];
begin
  if tg_op = 'DELETE' then
    select array_agg(r.plan_id), array_agg(r.metric)
    into _plans, _metrics
    from old_rows r;
  else
    select array_agg(r.plan_id), array_agg(r.metric)
    into _plans, _metrics
    from new_rows r;
  end if;

  with touched as (
    select held.workspace_id, held.metric
    from usage.alert_levels as held
    where held.metric = any (_metrics)
      and held.valid_until > now()
      and exists (
        select
        from unnest(_plans, _metrics) as changed (plan_id, metric)
        where changed.metric = held.metric
          and changed.plan_id = billing.plan_of(held.workspace_id)
      )
    order by held.workspace_id, held.metric
    for no key update
  )
  update usage.alert_levels as held
  set valid_until = '-infinity'
  from touched
  where held.workspace_id = touched.workspace_id
    and held.metric = touched.metric;
  return null;
end
$$;

comment on function usage.void_levels() is 'Has the levels of a plan''s workspaces noted again within a minute, used or not; too many for the transaction of the change.';

revoke execute on function usage.void_levels() from public;

create or replace trigger plan_limits_void_levels_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.void_levels();

create or replace trigger plan_limits_void_levels_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.void_levels();

create or replace trigger plan_limits_void_levels_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.void_levels();
