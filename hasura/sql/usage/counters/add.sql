create or replace function usage.add(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _shards smallint;
  _granted bigint;
  _started_at timestamptz;
  _contention smallint;
  _used bigint;
begin
  -- Headroom ends with its period at the latest, so either the latest row has it or none has.
  select counter.period_start, counter.shards, counter.granted
  into _start, _shards, _granted
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start <= now()
  order by counter.period_start desc
  limit 1;
  if not found then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    return;
  end if;

  if _start = '-infinity' then
    update usage.counters as counter
    set
      used = counter.used + p_amount,
      headroom = counter.headroom - p_amount,
      updated_at = now()
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = '-infinity'
      and counter.headroom >= p_amount
      and counter.headroom_from <= now()
      and counter.headroom_until > now()
      and counter.used + p_amount >= counter.fall_at
    returning counter.used
    into _used;
    if not found then
      perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    elsif p_amount > 0 then
      -- The addition that granted the headroom has written the peak of this period.
      update usage.peaks as peak
      set peak = _used
      where peak.workspace_id = p_workspace_id
        and peak.metric = p_metric
        and peak.period_start = (
          select latest.period_start
          from usage.peaks as latest
          where latest.workspace_id = p_workspace_id
            and latest.metric = p_metric
            and latest.period_start <= now()
          order by latest.period_start desc
          limit 1
        )
        and peak.peak < _used;
    end if;
    return;
  end if;

  for _round in 1..2 loop
    -- Without enforcement the caller is the gate: it has decided under the lock of the counter's row and adds there.
    if p_enforce and _shards > 0 and _granted > 0 and p_amount > 0
      and usage.add_to_shard(p_workspace_id, p_metric, _start, _shards, p_amount)
    then
      return;
    end if;
    exit when _shards > 0 or p_amount is null or p_amount <= 0;

    _started_at := clock_timestamp();
    with added as (
      update usage.counters as counter
      set
        used = counter.used + p_amount,
        headroom = counter.headroom - p_amount,
        updated_at = now(),
        contention = case
          when clock_timestamp() - _started_at < interval '1 millisecond' then counter.contention
          when counter.contention_since > _started_at - interval '1 second' then least(counter.contention + 1, 1000)
          else 1
        end,
        contention_since = case
          when clock_timestamp() - _started_at > interval '1 millisecond' and counter.contention_since < _started_at - interval '1 second' then _started_at
          else counter.contention_since
        end
      where counter.workspace_id = p_workspace_id
        and counter.metric = p_metric
        and counter.period_start = _start
        and counter.headroom >= p_amount
        and counter.headroom_until > now()
      returning counter.contention
    ),
    logged as (
      insert into usage.counter_log (workspace_id, metric, period_start, amount)
      select p_workspace_id, p_metric, _start, p_amount
      from added
    )
    select added.contention
    into _contention
    from added;
    if found then
      if _contention >= 8 then
        perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
      end if;
      return;
    end if;

    -- Another transaction may have split the counter while this one waited for its row.
    select counter.shards, counter.granted
    into _shards, _granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = _start;
    exit when not found or _shards = 0;
  end loop;
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
end
$$;

comment on function usage.add(uuid, text, bigint, boolean) is 'Adds an amount in the metric''s unit to the counter of the present period, or to the gauge; a negative amount gives back, gauges only. Within the headroom one statement adds; otherwise usage.add_beyond_headroom does, and only that raises 23U01 (limit) and 23U02 (invalid input). p_enforce false adds past any limit: for callers that have decided under the lock of the counter''s row. Called by meters, the gate, leases and corrections';

revoke execute on function usage.add(uuid, text, bigint, boolean) from public;
