create or replace function usage.meter_insert_body(p_table regclass, p_branches text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _meters integer;
  _metric text;
  _kind text;
  _looked text := '';
  _counted text := '';
begin
  select count(*), min(m.metric), min(k.kind)
  into _meters, _metric, _kind
  from usage.meters m
  join usage.metrics k on k.key = m.metric
  where m.relation = p_table;
  if _meters <> 1 then
    return usage.meter_body(p_branches, '', '');
  end if;

  if _kind = 'counter' then
    -- Room ends with its period at the latest, so the latest row is the one or has none.
    _looked := format(
      $looked$
  left join lateral (
    select c.period_start, c.shards
    from usage.counters c
    where c.workspace_id = u.workspace_id
      and c.metric = %1$L
      and c.period_start <= now()
    order by c.period_start desc
    limit 1
  ) c on true$looked$,
      _metric
    );
    _counted := format(
      $counted$
    if _shards = 0 then
      _asked_at := clock_timestamp();
      update usage.counters c
      set
        used = c.used + _amount,
        headroom = c.headroom - _amount,
        updated_at = now()
      where c.workspace_id = _workspace
        and c.metric = %1$L
        and c.period_start = _start
        and c.headroom >= _amount
        and c.headroom_until > now();
      if found then
        insert into usage.counter_log (workspace_id, metric, period_start, amount)
        values (_workspace, %1$L, _start, _amount);
        if clock_timestamp() - _asked_at > interval '1 millisecond' then
          perform usage.note_contention(_workspace, %1$L, _start, _asked_at);
        end if;
        return null;
      end if;
    elsif _shards > 0 then
      -- In a variable: within a statement it would be computed for every row.
      _own := pg_backend_pid() %% _shards;
      -- No wait, as in usage.add_to_shard, which finds another shard.
      update usage.counter_shards s
      set
        used = s.used + _amount,
        headroom = s.headroom - _amount,
        updated_at = now()
      where s.ctid = (
        select f.ctid
        from usage.counter_shards f
        where f.workspace_id = _workspace
          and f.metric = %1$L
          and f.period_start = _start
          and f.shard = _own
          and f.headroom >= _amount
          and f.headroom_until > now()
        for no key update skip locked
      );
      if found then
        insert into usage.counter_log (workspace_id, metric, period_start, amount)
        values (_workspace, %1$L, _start, _amount);
        return null;
      end if;
    end if;
$counted$,
      _metric
    );
  end if;

  return usage.meter_body(
    p_branches,
    $declarations$
  _workspace uuid;
  _amount bigint;
  _start timestamptz;
  _shards smallint;
  _own smallint;
  _asked_at timestamptz;$declarations$,
    format(
      $first$  -- Rows that are many, not counted or wrong are for the long way.
  select u.workspace_id, u.amount%1$s
  into _workspace, _amount%2$s
  from (%3$s
  ) u%4$s
  where u.amount > 0
    and not u.refused
    and not exists (
      select
      from new_rows
      offset 1
    );
  if found then
%5$s
    perform usage.add(_workspace, %6$L, _amount);
    return null;
  end if;

$first$,
      case _kind when 'counter' then ', c.period_start, c.shards' else '' end,
      case _kind when 'counter' then ', _start, _shards' else '' end,
      p_branches,
      _looked,
      _counted,
      _metric
    )
  );
end
$$;

comment on function usage.meter_insert_body(regclass, text) is 'What the insert trigger of a table does: for one row and one meter a short way, else as usage.meter_body';
