create or replace function usage.enforce_limit(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_amount bigint,
  p_limit bigint,
  p_included boolean,
  p_cap bigint,
  p_wait boolean
)
returns void
language plpgsql
as $$
declare
  _reserved constant bigint := usage.reserved_amount(p_workspace_id, p_metric);
  _used bigint;
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  if not p_included
    or usage.headroom_below(p_workspace_id, p_metric, p_period_start, p_cap - _reserved, p_amount, p_wait) < p_amount
  then
    select total.used
    into _used
    from usage.counter_totals as total
    where total.workspace_id = p_workspace_id
      and total.metric = p_metric
      and total.period_start = p_period_start;
    perform usage.raise_limit_reached(p_workspace_id, p_metric, p_amount, _used, _reserved, p_limit, p_included);
  end if;
end
$$;

comment on function usage.enforce_limit(uuid, text, timestamptz, bigint, bigint, boolean, bigint, boolean) is 'Raises 23U01 when an amount does not fit below p_cap, the ceiling of billing.limit_of, beside the use and the live reservations, or when the plan does not include the metric. Brings back what shards have not used before it refuses; p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_locked, which holds the lock of the counter''s row';

revoke execute on function usage.enforce_limit(uuid, text, timestamptz, bigint, bigint, boolean, bigint, boolean) from public;
