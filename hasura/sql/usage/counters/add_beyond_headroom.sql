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
  -- Each attempt ends with its subtransaction, so no lock of it is kept while this waits for a shard. A counter that has
  -- nothing granted to shards cannot raise HU002 and needs no attempts.
  for _round in 1..usage.max_unlocked_waits() loop
    perform 1
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start <= now()
      and counter.granted > 0
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

comment on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) is 'Adds an amount that exceeds the headroom, by usage.add_locked; waits for shards in use without holding the counter''s row. Amount 0 adds nothing but grants headroom again and splits or merges the counter as needed; p_shards splits it into so many shards. Raises 23U01 at a limit and 23U02 for invalid input. Called by usage.add and the routines of the topic shards';

revoke execute on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) from public;
