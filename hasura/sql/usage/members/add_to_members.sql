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
  _held bigint;
begin
  for _n in 1..coalesce(cardinality(p_workspaces), 0) loop
    if (p_workspaces[_n], p_metrics[_n]) is distinct from (_workspace, _metric) then
      _workspace := p_workspaces[_n];
      _metric := p_metrics[_n];
      _state := usage.begin_members(_workspace, _metric);
      if _state <> 'off' then
        select case m.kind when 'gauge' then '-infinity' else p.period_start end
        into _start
        from usage.metrics m
        cross join usage.period(_workspace, now()) p
        where m.key = _metric;
        select l.limit_value
        into _limit
        from billing.member_limit_of(_workspace, _metric) l;
      end if;
    end if;
    continue when _state = 'off' or p_amounts[_n] = 0;

    if _state = 'begun' then
      select c.used
      into _used
      from usage.member_counters c
      where c.workspace_id = _workspace
        and c.metric = _metric
        and c.period_start = _start
        and c.member_id = p_members[_n];
    elsif p_amounts[_n] < 0 then
      -- Rows of a workspace that is being deleted give back to a counter that is gone already.
      update usage.member_counters c
      set
        used = c.used + p_amounts[_n],
        updated_at = now()
      where c.workspace_id = _workspace
        and c.metric = _metric
        and c.period_start = _start
        and c.member_id = p_members[_n];
    else
      insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n])
      on conflict on constraint member_counters_pkey do update
        set
          used = c.used + excluded.used,
          updated_at = now()
      returning c.used
      into _used;
    end if;
    if _start > '-infinity' then
      insert into usage.member_counter_log (workspace_id, metric, period_start, member_id, amount)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n]);
    end if;
    -- Behind the write, whose lock others wait for: what is held is read when it can change no more.
    if p_enforce and p_amounts[_n] > 0 and _limit is not null then
      _held := usage.member_reserved(_workspace, _metric, p_members[_n]);
      if _used::numeric + _held > _limit then
        perform usage.raise_member_limit(
          _workspace, _metric, p_members[_n], p_amounts[_n], _used - p_amounts[_n], _held, _limit
        );
      end if;
    end if;
  end loop;
end
$$;

comment on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) is 'Adds to the counters of members, given in key order, where their workspace counts them, behind the counters of the workspaces; refuses with SQLSTATE 23U01 what would pass a member''s limit';

revoke execute on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) from public;
