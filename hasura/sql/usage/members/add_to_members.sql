create or replace function usage.add_to_members(
  p_workspaces uuid[],
  p_metrics text[],
  p_members uuid[],
  p_amounts bigint[],
  p_enforce boolean default true
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspace uuid;
  _metric text;
  _state text;
  _start timestamptz;
  _limit bigint;
  _used bigint;
  _reserved bigint;
begin
  for _n in 1..coalesce(cardinality(p_workspaces), 0) loop
    if (p_workspaces[_n], p_metrics[_n]) is distinct from (_workspace, _metric) then
      _workspace := p_workspaces[_n];
      _metric := p_metrics[_n];
      _state := usage.begin_members(_workspace, _metric);
      if _state <> 'off' then
        select case metric.kind when 'gauge' then '-infinity' else present.period_start end
        into _start
        from usage.metrics as metric
        cross join usage.period(_workspace, now()) as present
        where metric.key = _metric;
        select bound.limit_value
        into _limit
        from billing.member_limit_of(_workspace, _metric) as bound;
      end if;
    end if;
    continue when _state = 'off' or p_amounts[_n] = 0;

    if _state = 'begun' then
      -- The recount that has just been made contains the rows of this statement.
      select counter.used
      into _used
      from usage.member_counters as counter
      where counter.workspace_id = _workspace
        and counter.metric = _metric
        and counter.period_start = _start
        and counter.member_id = p_members[_n];
    elsif p_amounts[_n] < 0 then
      -- An update and no upsert: the counter of a workspace that is being deleted may be gone already.
      update usage.member_counters as counter
      set
        used = counter.used + p_amounts[_n],
        updated_at = now()
      where counter.workspace_id = _workspace
        and counter.metric = _metric
        and counter.period_start = _start
        and counter.member_id = p_members[_n];
    else
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n])
      on conflict on constraint member_counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now()
      returning counter.used
      into _used;
    end if;
    if _start > '-infinity' then
      insert into usage.member_counter_log (workspace_id, metric, period_start, member_id, amount)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n]);
    end if;
    -- After the write, whose row lock keeps the member's reservations as they are.
    if p_enforce and p_amounts[_n] > 0 and _limit is not null then
      _reserved := usage.member_reserved(_workspace, _metric, p_members[_n]);
      if _used::numeric + _reserved > _limit then
        perform usage.raise_member_limit(
          _workspace, _metric, p_members[_n], p_amounts[_n], _used - p_amounts[_n], _reserved, _limit
        );
      end if;
    end if;
  end loop;
end
$$;

comment on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) is 'Adds to the counters of members: the arrays hold one addition at each position, sorted by workspace, metric and member, in the metric''s unit. Skips workspaces whose members are not counted. Raises 23U01 when a member''s use and live reservations would exceed the limit; p_enforce false adds past it. Called by the member triggers of meters after the workspaces'' counters, and by the gate';

revoke execute on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) from public;
