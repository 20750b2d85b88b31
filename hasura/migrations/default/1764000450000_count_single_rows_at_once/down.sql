-- One total a workspace and metric, in the order in which all locks on counters are taken.
create function usage.meter_body(p_branches text)
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
  _refused text;
begin
  select
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
          $from$      case _event
        when 'insert' then usage.meter_insert_body(p_table, array_to_string(_branches, _union))
        else usage.meter_body(array_to_string(_branches, _union), '', '')
      end$from$,
          $to$      usage.meter_body(array_to_string(_branches, _union))$to$
        ),
        (
          'usage.reconcile(uuid,boolean)',
          $from$          used = c.used + excluded.used,
          updated_at = now(),
          alert_due = '-infinity';
      -- A level that falls may end an alert; one that rises is noted by the next addition, as one that needs no note.
      if _drift.recounted < _drift.counted then
        perform usage.note_level(_drift.workspace_id, _drift.metric, _drift.period_start, _drift.recounted);
      end if;
$from$,
          $to$          used = c.used + excluded.used,
          updated_at = now();
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

  for metered in
    select distinct m.relation
    from usage.meters m
    join pg_class c on c.oid = m.relation
  loop
    perform usage.rebuild_meters(metered);
  end loop;
end
$do$;

drop function usage.meter_insert_body(regclass, text);
drop function usage.meter_body(text, text, text);
drop function usage.note_wait(uuid, text, timestamptz, timestamptz);

alter table usage.counter_slots
  add constraint counter_slots_room_not_negative check (room >= 0);
alter table usage.counters
  add constraint counters_room_not_negative check (room >= 0),
  add constraint counters_slots_range check (slots between 0 and 64);

create function usage.note_recoveries() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One look into an index; most that give back have no alert.
  if exists (
    select
    from usage.alerts
    where alerts.workspace_id = new.workspace_id
      and alerts.metric = new.metric
      and alerts.kind = 'crossed'
      and alerts.period_start > now() - interval '100 days'
  ) then
    perform usage.note_level(new.workspace_id, new.metric, new.period_start, new.used);
  end if;
  return new;
end
$$;

comment on function usage.note_recoveries() is 'Notes the level of a gauge that falls.';

-- A gauge is one row: what its row holds is all of its use.
create trigger counters_note_recoveries
before update on usage.counters
for each row
when (new.used < old.used and new.period_start = '-infinity')
execute function usage.note_recoveries();

revoke execute on function usage.note_recoveries() from public;
