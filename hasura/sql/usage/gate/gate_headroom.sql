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
  _start timestamptz;
begin
  select c.period_start
  into _start
  from usage.counters c
  join usage.metrics m on m.key = c.metric
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.granted > 0
    and c.period_start = (
      select p.period_start
      from usage.period(p_workspace_id) p
    );
  if not found then
    return;
  end if;
  perform usage.headroom_below(
    p_workspace_id, p_metric, _start,
    coalesce(bound.cap_value, 9000000000000000000) - usage.reserved_amount(p_workspace_id, p_metric),
    coalesce(p_amount, 0),
    p_wait
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound;
end
$$;

comment on function usage.gate_headroom(uuid, text, bigint, boolean) is 'Brings back what shards have not used as far as an array of requests may need it, under the counter''s lock. HU002 instead of waiting for shards in use, if told not to';

revoke execute on function usage.gate_headroom(uuid, text, bigint, boolean) from public;
