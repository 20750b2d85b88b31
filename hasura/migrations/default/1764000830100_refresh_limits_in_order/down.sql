drop trigger plan_limits_void_levels_insert on billing.plan_limits;
drop trigger plan_limits_void_levels_update on billing.plan_limits;
drop trigger plan_limits_void_levels_delete on billing.plan_limits;

create or replace function usage.void_levels()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _plan text := case tg_op when 'DELETE' then old.plan_id else new.plan_id end;
  _metric text := case tg_op when 'DELETE' then old.metric else new.metric end;
begin
  with touched as (
    select held.workspace_id, held.metric
    from usage.alert_levels as held
    where held.metric = _metric
      and held.valid_until > now()
      and billing.plan_of(held.workspace_id) = _plan
    order by held.workspace_id
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

create trigger plan_limits_void_levels
  after insert or update or delete on billing.plan_limits
  for each row
  execute function usage.void_levels();

drop trigger subscriptions_refresh_alerts_insert on billing.subscriptions;
drop trigger subscriptions_refresh_alerts_update on billing.subscriptions;
drop trigger subscriptions_refresh_alerts_delete on billing.subscriptions;
drop trigger limit_overrides_refresh_alerts_insert on billing.limit_overrides;
drop trigger limit_overrides_refresh_alerts_update on billing.limit_overrides;
drop trigger limit_overrides_refresh_alerts_delete on billing.limit_overrides;
drop trigger subscription_add_ons_refresh_alerts_insert on billing.subscription_add_ons;
drop trigger subscription_add_ons_refresh_alerts_update on billing.subscription_add_ons;
drop trigger subscription_add_ons_refresh_alerts_delete on billing.subscription_add_ons;
drop trigger plan_graces_refresh_alerts_insert on billing.plan_graces;
drop trigger plan_graces_refresh_alerts_update on billing.plan_graces;
drop trigger plan_graces_refresh_alerts_delete on billing.plan_graces;
drop trigger period_anchors_refresh_alerts_insert on billing.period_anchors;
drop trigger period_anchors_refresh_alerts_update on billing.period_anchors;
drop trigger period_anchors_refresh_alerts_delete on billing.period_anchors;
drop trigger alert_rules_refresh_alerts_insert on usage.alert_rules;
drop trigger alert_rules_refresh_alerts_update on usage.alert_rules;
drop trigger alert_rules_refresh_alerts_delete on usage.alert_rules;
drop trigger plan_limits_refresh_alerts_insert on billing.plan_limits;
drop trigger plan_limits_refresh_alerts_update on billing.plan_limits;
drop trigger plan_limits_refresh_alerts_delete on billing.plan_limits;

create or replace function usage.refresh_alerts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _change record;
begin
  for _change in
    select distinct changed.workspace_id, changed.metric
    from (
      select
        (side.fields ->> case when tg_table_schema = 'public' then 'id' else 'workspace_id' end)::uuid as workspace_id,
        side.fields ->> 'metric' as metric
      from (
        values
          (case when tg_op in ('INSERT', 'UPDATE') then to_jsonb(new) end),
          (case when tg_op in ('DELETE', 'UPDATE') then to_jsonb(old) end),
          (case when tg_op = 'TRUNCATE' then '{}'::jsonb end)
      ) as side (fields)
      where side.fields is not null
    ) as changed
    order by changed.workspace_id, changed.metric
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
  'For tables that billing.limit_of reads: takes back room and computes alerts again for the workspace_id and metric of the changed row, for all where it names none.';

create trigger subscriptions_refresh_alerts
  after insert or update or delete on billing.subscriptions
  for each row
  execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts
  after insert or update or delete on billing.limit_overrides
  for each row
  execute function usage.refresh_alerts();

create trigger subscription_add_ons_refresh_alerts
  after insert or update or delete on billing.subscription_add_ons
  for each row
  execute function usage.refresh_alerts();

create trigger plan_graces_refresh_alerts
  after insert or update or delete on billing.plan_graces
  for each row
  execute function usage.refresh_alerts();

create trigger period_anchors_refresh_alerts
  after insert or update or delete on billing.period_anchors
  for each row
  execute function usage.refresh_alerts();

create trigger alert_rules_refresh_alerts
  after insert or update or delete on usage.alert_rules
  for each row
  execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts
  after insert or update or delete on billing.plan_limits
  for each row
  execute function usage.refresh_alerts();
