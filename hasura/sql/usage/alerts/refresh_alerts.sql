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
      _rows := array(select to_jsonb(changed) from new_rows as changed);
    when tg_op = 'DELETE' then
      _rows := array(select to_jsonb(changed) from old_rows as changed);
    else
      _rows := array(
        select to_jsonb(changed)
        from new_rows as changed
        union all
        select to_jsonb(changed)
        from old_rows as changed
      );
  end case;

  for _change in
    with changed as (
      select distinct
        (changed_row.fields ->> 'workspace_id')::uuid as workspace_id,
        changed_row.fields ->> 'metric' as metric
      from unnest(_rows) as changed_row (fields)
    )
    -- A row without a workspace may concern all of them. Several such metrics take one walk through all counters.
    select
      null::uuid as workspace_id,
      case when count(*) = 1 then min(changed.metric) end as metric
    from changed
    where changed.workspace_id is null
    having count(*) > 0
    union all
    select changed.workspace_id, changed.metric
    from changed
    where changed.workspace_id is not null
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

comment on function usage.refresh_alerts() is 'For tables that billing.limit_of reads: takes back headroom and writes the alerts of the workspace_id and metric of the changed rows; of all where a row has none. A trigger of a statement with the transition tables old_rows and new_rows, or of a row.';

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
