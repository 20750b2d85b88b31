create or replace function usage.headroom_below(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_bound bigint,
  p_amount bigint,
  p_wait boolean
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _total bigint;
  _granted bigint;
begin
  for _round in 0..2 loop
    select counter.used + counter.granted, counter.granted
    into _total, _granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = p_period_start;
    exit when not found or _granted = 0 or _round = 2 or p_bound - _total >= p_amount;
    if _round = 0 then
      perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, false);
    else
      -- The units that are short may lie unused on shards in use: an amount is refused only when it does not fit with
      -- these collected too.
      perform usage.collect_busy_shards(p_workspace_id, p_metric, p_period_start, p_wait);
    end if;
  end loop;
  return p_bound - coalesce(_total, 0);
end
$$;

comment on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) is 'Returns how many units a counter is below p_bound, with what shards were granted counted as used. Collects shards while that is less than p_amount, so an answer below p_amount is exact. p_wait false raises HU002 instead of waiting for a shard in use. The caller holds the lock of the counter''s row. Called by usage.add_locked, usage.enforce_limit and usage.gate_headroom';

revoke execute on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) from public;
