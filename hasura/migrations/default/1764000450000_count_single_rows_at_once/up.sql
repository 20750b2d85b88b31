-- Measured over 1,000 workspaces, a metered insert cost Postgres three times the CPU of a plain one. What each addition paid for:
-- a row trigger before updates, which makes Postgres lock the row before it writes it (10 us), check constraints, whose text is
-- parsed again by every statement (8 us), two more functions with their own search path, and a statement that joined an update to
-- an insert (2 us).

drop trigger counters_note_recoveries on usage.counters;
drop function usage.note_recoveries();

-- Every statement that lowers room asks for it in its where; tests sum up room and grants.
alter table usage.counters
  drop constraint counters_room_not_negative,
  drop constraint counters_slots_range;
alter table usage.counter_slots
  drop constraint counter_slots_room_not_negative;

create function usage.note_wait(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_asked_at timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _waits smallint;
begin
  update usage.counters c
  set
    waits = case when c.waits_since > p_asked_at - interval '1 second' then least(c.waits + 1, 1000) else 1 end,
    waits_since = case when c.waits_since > p_asked_at - interval '1 second' then c.waits_since else p_asked_at end
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start
  returning c.waits
  into _waits;
  if _waits >= 8 then
    perform usage.take_slowly(p_workspace_id, p_metric, 0);
  end if;
end
$$;

comment on function usage.note_wait(uuid, text, timestamptz, timestamptz) is 'Counts that an addition waited for the counter''s row, which it holds now; after eight within a second the counter is spread';

revoke execute on function usage.note_wait(uuid, text, timestamptz, timestamptz) from public;

create function usage.meter_body(p_branches text, p_declarations text, p_first text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
  _refused text;$head$ || p_declarations || $head$
begin
$head$ || p_first || $head$  select
    array_agg(t.workspace_id) filter (where t.workspace_id is not null),
    array_agg(t.metric) filter (where t.workspace_id is not null),
    array_agg(t.amount) filter (where t.workspace_id is not null),
    min(t.metric) filter (where t.refused)
  into _workspaces, _metrics, _amounts, _refused
  from (
    select
      u.workspace_id,
      u.metric,
      sum(u.amount)::bigint as amount,
      bool_or(u.refused) as refused
    from ($head$ || p_branches || $tail$
    ) u
    group by u.workspace_id, u.metric
    having sum(u.amount) <> 0 or bool_or(u.refused)
    order by u.workspace_id, u.metric
  ) t;
  if _refused is not null then
    raise exception using
      errcode = '23U02',
      message = format('a row of %s without a workspace or with a negative amount cannot be counted as %s', tg_table_name, _refused),
      detail = json_build_object('code', 'invalid-input', 'metric', _refused)::text;
  end if;
  case cardinality(_workspaces)
    when 1 then
      perform usage.take(_workspaces[1], _metrics[1], _amounts[1]);
    else
      if _workspaces is not null then
        perform usage.add_many(_workspaces, _metrics, _amounts);
      end if;
  end case;
  return null;
end
$tail$
$$;

comment on function usage.meter_body(text, text, text) is 'What a statement trigger does: one total a workspace and metric, in the order in which all locks on counters are taken. Declarations and a first part may go before it';

-- One row into a table with one meter is the common statement, and needs no grouping and no arrays. Written out in the trigger:
-- a function called from it costs as much as the statement in it.
create function usage.meter_insert_body(p_table regclass, p_branches text)
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

comment on function usage.meter_insert_body(regclass, text) is 'What the insert trigger of a table does: for one row and one meter a short way, else as usage.meter_body';

do $do$
declare
  change record;
  definition text;
  metered regclass;
begin
  for change in
    select *
    from (
      values
        (
          'usage.rebuild_meters(regclass)',
          $from$      usage.meter_body(array_to_string(_branches, _union))$from$,
          $to$      case _event
        when 'insert' then usage.meter_insert_body(p_table, array_to_string(_branches, _union))
        else usage.meter_body(array_to_string(_branches, _union), '', '')
      end$to$
        ),
        (
          'usage.reconcile(uuid,boolean)',
          $from$          used = c.used + excluded.used,
          updated_at = now();
$from$,
          $to$          used = c.used + excluded.used,
          updated_at = now(),
          alert_due = '-infinity';
      -- A level that falls may end an alert; one that rises is noted by the next addition, as one that needs no note.
      if _drift.recounted < _drift.counted then
        perform usage.note_level(_drift.workspace_id, _drift.metric, _drift.period_start, _drift.recounted);
      end if;
$to$
        )
    ) as changes (function_name, old_text, new_text)
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;

  drop function usage.meter_body(text);
  for metered in
    select distinct m.relation
    from usage.meters m
    join pg_class c on c.oid = m.relation
  loop
    perform usage.rebuild_meters(metered);
  end loop;
end
$do$;
