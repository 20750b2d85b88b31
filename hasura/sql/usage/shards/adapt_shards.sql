create or replace function usage.adapt_shards(
  p_counter usage.counters,
  p_amount bigint,
  p_is_shardable boolean,
  p_shards smallint,
  p_waited_since timestamptz
)
returns usage.counters
language plpgsql
as $$
declare
  _was_sharded constant boolean := p_counter.shards > 0;
  _used bigint;
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  if p_waited_since is not null then
    p_counter.contention := case
      when p_counter.contention_since > p_waited_since - interval '1 second' then least(p_counter.contention + 1, 1000)::smallint
      else smallint '1'
    end;
    p_counter.contention_since := case when p_counter.contention = 1 then p_waited_since else p_counter.contention_since end;
  end if;
  if p_shards is not null then
    p_counter.shards := p_shards;
    return p_counter;
  end if;

  if p_counter.contention >= 8 and p_is_shardable then
    p_counter.shards := case when p_counter.shards = 0 then 16 else least(p_counter.shards * 2, 64) end::smallint;
    p_counter.contention := smallint '0';
  end if;
  -- Below twenty units a second since the last measurement one row is enough again.
  if p_counter.shards > 0 and p_counter.measured_at < clock_timestamp() - interval '50 seconds' then
    select total.used + p_amount
    into _used
    from usage.counter_totals as total
    where total.workspace_id = p_counter.workspace_id
      and total.metric = p_counter.metric
      and total.period_start = p_counter.period_start;
    if _was_sharded
      and _used - p_counter.measured_used
        < 20 * (extract(epoch from clock_timestamp()) - extract(epoch from p_counter.measured_at))
    then
      p_counter.shards := smallint '0';
    end if;
    p_counter.measured_at := clock_timestamp();
    p_counter.measured_used := _used;
  end if;
  return p_counter;
end
$$;

comment on function usage.adapt_shards(usage.counters, bigint, boolean, smallint, timestamptz) is 'Returns the row of a counter with the number of shards that it should have from now on, and with its contention and rate of use brought up to date; writes nothing. Eight waits within a second double the shards from 16 to at most 64; less than 20 units a second, measured over 50 seconds or more, merge them. p_shards decides instead where it is not null; p_waited_since is when a wait for the row began, null without one. Called by usage.add_locked, which holds the lock of the row';

revoke execute on function usage.adapt_shards(usage.counters, bigint, boolean, smallint, timestamptz) from public;
