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
    _counted := format(
      $counted$
    -- Room ends with its period at the latest, so the latest row is the one or has none.
    select c.period_start, c.slots
    into _start, _slots
    from usage.counters c
    where c.workspace_id = _workspace
      and c.metric = %1$L
      and c.period_start <= now()
    order by c.period_start desc
    limit 1;
    if _slots = 0 then
      _asked_at := clock_timestamp();
      update usage.counters c
      set
        used = c.used + _amount,
        room = c.room - _amount,
        updated_at = now()
      where c.workspace_id = _workspace
        and c.metric = %1$L
        and c.period_start = _start
        and c.room >= _amount
        and c.room_until > now();
      if found then
        insert into usage.counter_entries (workspace_id, metric, period_start, amount)
        values (_workspace, %1$L, _start, _amount);
        if clock_timestamp() - _asked_at > interval '1 millisecond' then
          perform usage.note_wait(_workspace, %1$L, _start, _asked_at);
        end if;
        return null;
      end if;
    elsif _slots > 0 then
      -- In a variable: within a statement it would be computed for every row.
      _own := pg_backend_pid() %% _slots;
      -- No wait, as in usage.take_from_slots, which finds another slot.
      update usage.counter_slots s
      set
        used = s.used + _amount,
        room = s.room - _amount,
        updated_at = now()
      where s.workspace_id = _workspace
        and s.metric = %1$L
        and s.period_start = _start
        and s.slot = (
          select f.slot
          from usage.counter_slots f
          where f.workspace_id = _workspace
            and f.metric = %1$L
            and f.period_start = _start
            and f.slot = _own
            and f.room >= _amount
            and f.room_until > now()
          for no key update skip locked
        );
      if found then
        insert into usage.counter_entries (workspace_id, metric, period_start, amount)
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
  _bad boolean;
  _many boolean;
  _start timestamptz;
  _slots smallint;
  _own smallint;
  _asked_at timestamptz;$declarations$,
    format(
      $first$  select
    u.workspace_id,
    u.amount,
    u.refused,
    (
      select true
      from new_rows
      offset 1
      limit 1
    )
  into _workspace, _amount, _bad, _many
  from (%1$s
  ) u
  limit 1;
  if not found then
    return null;
  end if;
  if _many is null and _amount > 0 and not _bad then
%2$s
    perform usage.take(_workspace, %3$L, _amount);
    return null;
  end if;

$first$,
      p_branches,
      _counted,
      _metric
    )
  );
end
$$;

do $do$
declare
  metered regclass;
begin
  for metered in
    select distinct m.relation
    from usage.meters m
    join pg_class c on c.oid = m.relation
  loop
    perform usage.rebuild_meters(metered);
  end loop;
end
$do$;
