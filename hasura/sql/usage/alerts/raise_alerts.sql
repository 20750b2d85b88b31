create or replace function usage.raise_alerts(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_used bigint
)
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
  select noted.rise_at
  from usage.note_level(p_workspace_id, p_metric, p_period_start, p_used) as noted
$$;

comment on function usage.raise_alerts(uuid, text, timestamptz, bigint) is 'Notes a level of use and returns the next one that calls for an alert; for holders of the counter''s lock.';

revoke execute on function usage.raise_alerts(uuid, text, timestamptz, bigint) from public;
