create or replace function usage.void_headroom(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters c
  set
    headroom = 0,
    headroom_until = '-infinity'
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start;
end
$$;

comment on function usage.void_headroom(uuid, text, timestamptz) is 'Sends the next addition to look at limit and reservations again. What shards were granted stays theirs, and counts as taken';

revoke execute on function usage.void_headroom(uuid, text, timestamptz) from public;
