create or replace function usage.alert_recipients(p_workspace_id uuid)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- Nobody, so that no e-mail is sent. Webhooks and the table usage.alerts work without it.
  select null::text
  where false
$$;

comment on function usage.alert_recipients(uuid) is 'Hook: returns the e-mail addresses that alerts of a workspace are sent to, each once.';

revoke execute on function usage.alert_recipients(uuid) from public;
