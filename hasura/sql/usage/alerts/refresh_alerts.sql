create or replace function usage.refresh_alerts()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _rows jsonb[];
  _change record;
begin
  case
    when tg_op = 'TRUNCATE' then
      _rows := array['{}'::jsonb];
    when tg_level = 'ROW' and tg_op = 'INSERT' then
      _rows := array[to_jsonb(new)];
    when tg_level = 'ROW' and tg_op = 'DELETE' then
      _rows := array[to_jsonb(old)];
    when tg_level = 'ROW' then
      _rows := array[to_jsonb(new), to_jsonb(old)];
    when tg_op = 'INSERT' then
      _rows := array(select to_jsonb(r) from new_rows r);
    when tg_op = 'DELETE' then
      _rows := array(select to_jsonb(r) from old_rows r);
    else
      _rows := array(select to_jsonb(r) from new_rows r union all select to_jsonb(r) from old_rows r);
  end case;

  for _change in
    with changed as (
      select distinct
        (r.fields ->> case when tg_table_schema = 'public' then 'id' else 'workspace_id' end)::uuid as workspace_id,
        r.fields ->> 'metric' as metric
      from unnest(_rows) as r (fields)
    )
    -- What names no workspace may bound any, and several metrics of it are one walk through all counters.
    select
      null::uuid as workspace_id,
      case when count(*) = 1 then min(c.metric) end as metric
    from changed c
    where c.workspace_id is null
    having count(*) > 0
    union all
    select c.workspace_id, c.metric
    from changed c
    where c.workspace_id is not null
    order by workspace_id, metric
  loop
    if _change.workspace_id is null then
      perform usage.refresh_plan_limits(_change.metric);
    else
      perform usage.refresh_workspace_limits(_change.workspace_id, _change.metric);
    end if;
  end loop;
  return null;
end
$$;

comment on function usage.refresh_alerts() is 'For tables that billing.limit_of reads: takes back headroom and computes alerts again for the workspace_id and metric of the changed rows, for all where they name none. As a trigger of a row, or of a statement with old_rows and new_rows.';

revoke execute on function usage.refresh_alerts() from public;

create or replace trigger limit_overrides_refresh_alerts_delete
  after delete on billing.limit_overrides
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_insert
  after insert on billing.limit_overrides
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_truncate
  after truncate on billing.limit_overrides
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_update
  after update on billing.limit_overrides
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_delete
  after delete on billing.period_anchors
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_insert
  after insert on billing.period_anchors
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_update
  after update on billing.period_anchors
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_delete
  after delete on billing.plan_graces
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_insert
  after insert on billing.plan_graces
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_truncate
  after truncate on billing.plan_graces
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_update
  after update on billing.plan_graces
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_truncate
  after truncate on billing.plan_limits
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_delete
  after delete on billing.subscription_add_ons
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_insert
  after insert on billing.subscription_add_ons
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_truncate
  after truncate on billing.subscription_add_ons
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_update
  after update on billing.subscription_add_ons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_delete
  after delete on billing.subscriptions
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_truncate
  after truncate on billing.subscriptions
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger workspaces_refresh_alerts
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_delete
  after delete on usage.alert_rules
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_insert
  after insert on usage.alert_rules
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_update
  after update on usage.alert_rules
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();
