-- A statement that changed several limits of a workspace took back the room of their counters row by row, in the order in
-- which it found the rows. Gate calls for several metrics take counters in key order, and the two ended in a deadlock. Now
-- one trigger looks at all the rows of a statement and goes through them in key order.

create or replace function usage.refresh_alerts()
returns trigger
language plpgsql
volatile
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
comment on function usage.refresh_alerts() is
  'For tables that billing.limit_of reads: takes back room and computes alerts again for the workspace_id and metric of the changed rows, for all where they name none. As a trigger of a row, or of a statement with old_rows and new_rows.';

drop trigger subscriptions_refresh_alerts on billing.subscriptions;
drop trigger limit_overrides_refresh_alerts on billing.limit_overrides;
drop trigger subscription_add_ons_refresh_alerts on billing.subscription_add_ons;
drop trigger plan_graces_refresh_alerts on billing.plan_graces;
drop trigger period_anchors_refresh_alerts on billing.period_anchors;
drop trigger alert_rules_refresh_alerts on usage.alert_rules;
drop trigger plan_limits_refresh_alerts on billing.plan_limits;

create trigger subscriptions_refresh_alerts_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger subscriptions_refresh_alerts_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger subscriptions_refresh_alerts_delete
  after delete on billing.subscriptions
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts_insert
  after insert on billing.limit_overrides
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts_update
  after update on billing.limit_overrides
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts_delete
  after delete on billing.limit_overrides
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger subscription_add_ons_refresh_alerts_insert
  after insert on billing.subscription_add_ons
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger subscription_add_ons_refresh_alerts_update
  after update on billing.subscription_add_ons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger subscription_add_ons_refresh_alerts_delete
  after delete on billing.subscription_add_ons
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_graces_refresh_alerts_insert
  after insert on billing.plan_graces
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_graces_refresh_alerts_update
  after update on billing.plan_graces
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_graces_refresh_alerts_delete
  after delete on billing.plan_graces
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger period_anchors_refresh_alerts_insert
  after insert on billing.period_anchors
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger period_anchors_refresh_alerts_update
  after update on billing.period_anchors
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger period_anchors_refresh_alerts_delete
  after delete on billing.period_anchors
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger alert_rules_refresh_alerts_insert
  after insert on usage.alert_rules
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger alert_rules_refresh_alerts_update
  after update on usage.alert_rules
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger alert_rules_refresh_alerts_delete
  after delete on usage.alert_rules
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace function usage.void_levels()
returns trigger
language plpgsql
volatile
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

-- Still behind the one that takes the counters, by its name.
drop trigger plan_limits_void_levels on billing.plan_limits;

create trigger plan_limits_void_levels_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.void_levels();

create trigger plan_limits_void_levels_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.void_levels();

create trigger plan_limits_void_levels_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.void_levels();
