create or replace function usage.recall_headroom(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy smallint;
begin
  -- Waiting for a shard with the row in hand would be a deadlock with a transaction that holds the shard and comes for
  -- the row; waiting for the row with shards in hand, with one that has the row and is short of what they hold.
  -- So nothing is kept while waiting, for some rounds: a counter that is written to all the time has enough on its
  -- row, and may be had the other way.
  for _round in 1..8 loop
    begin
      update usage.counters c
      set
        headroom = 0,
        headroom_until = '-infinity',
        alert_due = '-infinity'
      where c.workspace_id = p_workspace_id
        and c.metric = p_metric
        and c.period_start = p_period_start;
      if _round = 8 then
        perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, true);
      else
        perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, false);
        select min(s.shard)
        into _busy
        from usage.counter_shards s
        where s.workspace_id = p_workspace_id
          and s.metric = p_metric
          and s.period_start = p_period_start
          and s.headroom > 0;
        if _busy is not null then
          raise exception using errcode = 'HU001';
        end if;
      end if;
      return (
        select c.used + c.granted
        from usage.counters c
        where c.workspace_id = p_workspace_id
          and c.metric = p_metric
          and c.period_start = p_period_start
      );
    exception when sqlstate 'HU001' then
      null;
    end;
    if _round = 7 then
      perform 1
      from usage.counter_shards s
      where s.workspace_id = p_workspace_id
        and s.metric = p_metric
        and s.period_start = p_period_start
      order by s.shard
      for no key update;
    else
      begin
        perform 1
        from usage.counter_shards s
        where s.workspace_id = p_workspace_id
          and s.metric = p_metric
          and s.period_start = p_period_start
          and s.shard = _busy
        for no key update;
        raise exception using errcode = 'HU001';
      exception when sqlstate 'HU001' then
        null;
      end;
    end if;
  end loop;
end
$$;

comment on function usage.recall_headroom(uuid, text, timestamptz) is 'Takes all headroom back, that of shards too, and returns the use: for changes of limits. The lock stays until the transaction ends, so that what follows sees the change';

revoke execute on function usage.recall_headroom(uuid, text, timestamptz) from public;
