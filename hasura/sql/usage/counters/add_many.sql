create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _added integer[];
  _busy text;
begin
  -- Locks taken before a counter turns out to lack headroom are out of order with the locks of other statements. So this
  -- attempt ends with its locks, and the next one takes all of them in key order before it adds anything.
  begin
    _added := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
    if cardinality(_added) <> cardinality(p_workspaces)
      and not usage.add_rest_to_shards(p_workspaces, p_metrics, p_amounts, _added)
    then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  for _round in 1..usage.max_unlocked_waits() loop
    begin
      perform usage.add_many_locked(p_workspaces, p_metrics, p_amounts, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_shard(_busy::jsonb);
  end loop;
  perform usage.add_many_locked(p_workspaces, p_metrics, p_amounts, true);
end
$$;

comment on function usage.add_many(uuid[], text[], bigint[]) is 'Adds to several counters at once: the arrays hold one addition at each position, sorted by workspace and metric, each pair once. Adds all or raises as usage.add does. Called by the triggers of meters for a statement that changes several counters';

revoke execute on function usage.add_many(uuid[], text[], bigint[]) from public;
