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
  _taken bigint;
  _granted bigint;
begin
  for _round in 0..2 loop
    select c.used + c.granted, c.granted
    into _taken, _granted
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = p_period_start;
    exit when not found or _granted = 0 or _round = 2 or p_bound - _taken >= p_amount;
    if _round = 0 then
      perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, false);
    else
      -- What may fit is never refused.
      perform usage.collect_busy_shards(p_workspace_id, p_metric, p_period_start, p_wait);
    end if;
  end loop;
  return p_bound - coalesce(_taken, 0);
end
$$;

comment on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) is 'How far a counter is below a bound, with its shards emptied as far as an amount needs it; exact under the counter''s lock whenever it says less than that amount. HU002 instead of waiting for shards in use, if told not to';

revoke execute on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) from public;
