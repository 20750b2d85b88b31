create or replace function usage.grant_headroom(
  p_counter usage.counters,
  p_shards_before smallint,
  p_amount bigint,
  p_total bigint,
  p_included boolean,
  p_cap bigint,
  p_from timestamptz,
  p_until timestamptz
)
returns void
language plpgsql
as $$
declare
  _max_amount constant bigint := 9000000000000000000;
  -- A shard gets a quarter of an even share of the free units. Below this many units its writers would come back at once.
  _min_share constant bigint := bigint '16';
  _bound bigint;
  _free bigint;
  _share bigint;
  _may_grant boolean;
  _shards smallint;
  _granted bigint := bigint '0';
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  _bound := least(
    coalesce(p_cap, _max_amount) - usage.reserved_by_all(p_counter.workspace_id, p_counter.metric),
    _max_amount,
    p_counter.alert_at - 1
  );
  _free := _bound - p_total;
  _share := case when p_counter.shards > 0 then _free / (4 * p_counter.shards) else bigint '0' end;
  _may_grant := p_included and _free >= 0 and usage.may_grant_headroom(p_counter.workspace_id);
  _shards := case when _share < _min_share then smallint '0' else p_counter.shards end;
  if _shards = 0 and p_counter.granted > 0 then
    perform usage.collect_shards(p_counter.workspace_id, p_counter.metric, p_counter.period_start, false);
    select _bound - counter.used - counter.granted - p_amount
    into _free
    from usage.counters as counter
    where counter.workspace_id = p_counter.workspace_id
      and counter.metric = p_counter.metric
      and counter.period_start = p_counter.period_start;
  elsif _shards > 0 and _may_grant then
    if _shards > p_shards_before then
      perform usage.create_shards(p_counter.workspace_id, p_counter.metric, p_counter.period_start, _shards);
    end if;
    -- The headroom of shards ends after a minute, so that each renewal sees whether the counter is still hot.
    _granted := usage.grant_to_shards(
      p_counter.workspace_id, p_counter.metric, p_counter.period_start, _shards,
      case when _shards = p_shards_before then (pg_backend_pid() % _shards)::smallint end,
      _share,
      least(p_until, clock_timestamp() + interval '1 minute')
    );
  end if;

  update usage.counters as counter
  set
    used = counter.used + p_amount,
    headroom = case when _may_grant and _shards = 0 then _free else 0 end,
    headroom_from = p_from,
    headroom_until = case when _may_grant and _shards = 0 then p_until else '-infinity' end,
    granted = counter.granted + _granted,
    shards = _shards,
    contention = p_counter.contention,
    contention_since = p_counter.contention_since,
    measured_at = p_counter.measured_at,
    measured_used = p_counter.measured_used,
    alert_at = p_counter.alert_at,
    alert_due = p_counter.alert_due,
    fall_at = p_counter.fall_at,
    updated_at = case when p_amount = 0 then counter.updated_at else now() end
  where counter.workspace_id = p_counter.workspace_id
    and counter.metric = p_counter.metric
    and counter.period_start = p_counter.period_start;
end
$$;

comment on function usage.grant_headroom(usage.counters, smallint, bigint, bigint, boolean, bigint, timestamptz, timestamptz) is 'Adds an amount to the counter''s row and grants new headroom, to the row or to its shards: the units below p_cap that no reservation holds, and that stay below the next alert. p_counter is the row to write, with the wanted number of shards; p_total is the use with the amount and all that shards were granted. Called by usage.add_locked, which holds the lock of the row';

revoke execute on function usage.grant_headroom(usage.counters, smallint, bigint, bigint, boolean, bigint, timestamptz, timestamptz) from public;
