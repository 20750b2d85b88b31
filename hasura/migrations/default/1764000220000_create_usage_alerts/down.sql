drop trigger plan_limits_refresh_alerts on billing.plan_limits;
drop trigger limit_overrides_refresh_alerts on billing.limit_overrides;
drop trigger subscriptions_refresh_alerts on billing.subscriptions;
drop function usage.refresh_alerts();
drop trigger counters_note_alerts_insert on usage.counters;
drop trigger counters_note_alerts_update on usage.counters;
drop function usage.note_alerts();
drop function usage.raise_alerts(uuid, text, timestamptz, bigint);

alter table usage.counters
  drop column alert_due,
  drop column alert_at;

drop table usage.alerts;
