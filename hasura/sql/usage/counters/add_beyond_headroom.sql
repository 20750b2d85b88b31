create or replace function usage.add_beyond_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true,
  p_shards smallint default null::smallint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy text;
begin
  -- Nothing is kept while waiting, for some rounds: without a share left, shards only come back.
  for _round in 1..usage.max_unlocked_waits() loop
    perform 1
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start <= now()
      and c.granted > 0
    limit 1;
    exit when not found;
    begin
      perform usage.add_locked(p_workspace_id, p_metric, p_amount, p_enforce, p_shards, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_shard(_busy::jsonb);
  end loop;
  perform usage.add_locked(p_workspace_id, p_metric, p_amount, p_enforce, p_shards, true);
end
$$;

comment on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) is 'Adds where the headroom does not do, by usage.add_locked, and waits for shards in use without the counter''s row. Amount 0 only looks; shards given spread the counter over so many';

revoke execute on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) from public;
