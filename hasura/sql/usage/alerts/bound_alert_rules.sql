create or replace function usage.bound_alert_rules()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if (
    select count(*)
    from usage.alert_rules
    where workspace_id = new.workspace_id
      and metric = new.metric
  ) > 20 then
    raise exception using
      errcode = 'check_violation',
      constraint = 'alert_rules_at_most_20',
      message = 'a workspace may have 20 alert rules for a metric';
  end if;
  return null;
end
$$;

comment on function usage.bound_alert_rules() is 'Refuses more than 20 rules of a workspace for one metric, because every rule is checked when an alert is due. Raises check_violation (23514) with the constraint alert_rules_at_most_20.';

revoke execute on function usage.bound_alert_rules() from public;

create or replace trigger alert_rules_bound
  after insert on usage.alert_rules
  for each row
  execute function usage.bound_alert_rules();
