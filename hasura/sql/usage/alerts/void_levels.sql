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
    select array_agg(changed.plan_id), array_agg(changed.metric)
    into _plans, _metrics
    from old_rows as changed;
  else
    select array_agg(changed.plan_id), array_agg(changed.metric)
    into _plans, _metrics
    from new_rows as changed;
  end if;

  with touched as (
    select alert_level.workspace_id, alert_level.metric
    from usage.alert_levels as alert_level
    where alert_level.metric = any (_metrics)
      and alert_level.valid_until > now()
      and exists (
        select
        from unnest(_plans, _metrics) as changed (plan_id, metric)
        where changed.metric = alert_level.metric
          and changed.plan_id = billing.plan_of(alert_level.workspace_id)
      )
    order by alert_level.workspace_id, alert_level.metric
    for no key update
  )
  update usage.alert_levels as alert_level
  set valid_until = '-infinity'
  from touched
  where alert_level.workspace_id = touched.workspace_id
    and alert_level.metric = touched.metric;
  return null;
end
$$;

comment on function usage.void_levels() is 'Marks the levels of a plan''s workspaces as due, so that the job usage_note_alerts notes them within a minute. A plan may have too many workspaces for the transaction that changes its limits.';

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
