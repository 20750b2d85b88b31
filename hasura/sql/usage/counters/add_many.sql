create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _taken integer[];
  _busy text;
begin
  -- What is locked on the way to a counter without headroom must not be waited for by others who came another way: the
  -- attempt is given up with its locks, and all are taken again in order before anything is counted.
  begin
    _taken := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
    if cardinality(_taken) <> cardinality(p_workspaces)
      and not usage.add_rest_to_shards(p_workspaces, p_metrics, p_amounts, _taken)
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

comment on function usage.add_many(uuid[], text[], bigint[]) is 'Adds to several counters, given in key order; refuses like usage.add';

revoke execute on function usage.add_many(uuid[], text[], bigint[]) from public;
