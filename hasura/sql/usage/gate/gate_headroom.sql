create or replace function usage.gate_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _period_start timestamptz;
begin
  select counter.period_start
  into _period_start
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.granted > 0
    and counter.period_start = (
      select present.period_start
      from usage.period(p_workspace_id) as present
    );
  if not found then
    return;
  end if;
  perform usage.headroom_below(
    p_workspace_id, p_metric, _period_start,
    coalesce(bound.cap_value, 9000000000000000000) - usage.reserved_amount(p_workspace_id, p_metric),
    coalesce(p_amount, 0),
    p_wait
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound;
end
$$;

comment on function usage.gate_headroom(uuid, text, bigint, boolean) is 'Takes unused headroom back from the shards of a counter, as far as the amount needs it. The caller has locked the counter. With p_wait false it raises HU002 instead of waiting for a shard in use. A step of usage.gate_many.';

revoke execute on function usage.gate_headroom(uuid, text, bigint, boolean) from public;
