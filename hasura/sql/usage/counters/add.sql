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
  _asked_at timestamptz;
  _contention smallint;
  _used bigint;
begin
  -- Room ends with its period at the latest, so the latest row is the one or has none.
  select c.period_start, c.shards, c.granted
  into _start, _shards, _granted
  from usage.counters c
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start <= now()
  order by c.period_start desc
  limit 1;
  if not found then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    return;
  end if;

  if _start = '-infinity' then
    update usage.counters c
    set
      used = c.used + p_amount,
      headroom = c.headroom - p_amount,
      updated_at = now()
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = '-infinity'
      and c.headroom >= p_amount
      and c.headroom_from <= now()
      and c.headroom_until > now()
      and c.used + p_amount >= c.fall_at
    returning c.used
    into _used;
    if not found then
      perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    elsif p_amount > 0 then
      -- Whoever granted the headroom has noted a peak in this period.
      update usage.peaks k
      set peak = _used
      where k.workspace_id = p_workspace_id
        and k.metric = p_metric
        and k.period_start = (
          select p.period_start
          from usage.peaks p
          where p.workspace_id = p_workspace_id
            and p.metric = p_metric
            and p.period_start <= now()
          order by p.period_start desc
          limit 1
        )
        and k.peak < _used;
    end if;
    return;
  end if;

  for _round in 1..2 loop
    -- The gate has decided under the lock of the row and counts there.
    if p_enforce and _shards > 0 and _granted > 0 and p_amount > 0
      and usage.add_to_shard(p_workspace_id, p_metric, _start, _shards, p_amount)
    then
      return;
    end if;
    exit when _shards > 0 or p_amount is null or p_amount <= 0;

    _asked_at := clock_timestamp();
    with taken as (
      update usage.counters c
      set
        used = c.used + p_amount,
        headroom = c.headroom - p_amount,
        updated_at = now(),
        contention = case
          when clock_timestamp() - _asked_at < interval '1 millisecond' then c.contention
          when c.contention_since > _asked_at - interval '1 second' then least(c.contention + 1, 1000)
          else 1
        end,
        contention_since = case
          when clock_timestamp() - _asked_at > interval '1 millisecond' and c.contention_since < _asked_at - interval '1 second' then _asked_at
          else c.contention_since
        end
      where c.workspace_id = p_workspace_id
        and c.metric = p_metric
        and c.period_start = _start
        and c.headroom >= p_amount
        and c.headroom_until > now()
      returning c.contention
    ),
    noted as (
      insert into usage.counter_log (workspace_id, metric, period_start, amount)
      select p_workspace_id, p_metric, _start, p_amount
      from taken
    )
    select t.contention
    into _contention
    from taken t;
    if found then
      if _contention >= 8 then
        perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
      end if;
      return;
    end if;

    -- Perhaps it was spread while this waited for the row.
    select c.shards, c.granted
    into _shards, _granted
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = _start;
    exit when not found or _shards = 0;
  end loop;
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
end
$$;

comment on function usage.add(uuid, text, bigint, boolean) is 'Adds to a counter: within its headroom by one statement, else by usage.add_beyond_headroom. What refuses is always the latter';

revoke execute on function usage.add(uuid, text, bigint, boolean) from public;
