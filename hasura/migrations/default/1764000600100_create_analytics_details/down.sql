create or replace function analytics.forget_workspaces() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    truncate analytics.events, analytics.event_keys;
  else
    delete from analytics.events
    using gone
    where events.workspace_id = gone.id;
    delete from analytics.event_keys
    using gone
    where event_keys.workspace_id = gone.id;
  end if;
  return null;
end
$$;

delete from analytics.retention
where table_name in ('feature_usage', 'performance', 'search_logs');

drop table analytics.search_logs;
drop table analytics.performance;
drop table analytics.feature_usage;
