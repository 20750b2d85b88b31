do $do$
declare
  definition text := pg_get_functiondef('usage.gate_lock_counters(usage.gate_line[],boolean)'::regprocedure);
  change record;
begin
  for change in
    select *
    from (
      values
        (
          'usage.gate_lock_counters(p_lines usage.gate_line[], p_wait boolean)',
          'usage.gate_open_counters(p_lines usage.gate_line[])'
        ),
        (
          'usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked, p_wait)',
          'usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked)'
        )
    ) as changes (old_text, new_text)
  loop
    if position(change.old_text in definition) = 0 then
      raise exception 'usage.gate_lock_counters does not hold %', change.old_text;
    end if;
    definition := replace(definition, change.old_text, change.new_text);
  end loop;
  execute definition;
end
$do$;

comment on function usage.gate_open_counters(usage.gate_line[]) is 'Locks the counters that the lines ask for, in the order of workspace and metric, and reads them; only looked at where nothing but checks asks.';

drop function usage.gate_lock_counters(usage.gate_line[], boolean);
drop function usage.gate_room(uuid, text, bigint, boolean);

create function usage.make_room(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_amount bigint)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _cap bigint;
begin
  select bound.cap_value
  into _cap
  from billing.limit_of(p_workspace_id, p_metric) as bound;
  return usage.room_below(
    p_workspace_id, p_metric, p_period_start,
    coalesce(_cap, 9000000000000000000) - usage.held(p_workspace_id, p_metric),
    p_amount,
    true
  );
end
$$;

comment on function usage.make_room(uuid, text, timestamptz, bigint) is 'What is free under the ceiling and beside live reservations, for the holder of the counter''s lock; brings back the room of slots if the amount would not fit without';

create function usage.gate_room(p_workspace_id uuid, p_metric text, p_amount bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
begin
  select c.period_start
  into _start
  from usage.counters c
  join usage.metrics m on m.key = c.metric
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.granted > 0
    and c.period_start = (
      select p.period_start
      from usage.period(p_workspace_id) p
    );
  if found then
    perform usage.make_room(p_workspace_id, p_metric, _start, coalesce(p_amount, 0));
  end if;
end
$$;

comment on function usage.gate_room(uuid, text, bigint) is 'Brings back what slots have not used as far as an array of requests may need it, under the counter''s lock.';

create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _count constant integer := cardinality(p_workspaces);
  _taken integer[];
  _rest integer;
begin
  -- What is locked on the way to a counter without room must not be waited for by others who came another way: the
  -- attempt is given up with its locks, and all are taken again in order before anything is counted.
  begin
    _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
    if cardinality(_taken) <> _count
      and not usage.take_rest_from_slots(p_workspaces, p_metrics, p_amounts, _taken)
    then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  perform usage.lock_many(p_workspaces, p_metrics, p_amounts);
  _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select n
    from generate_series(1, _count) as n
    left join unnest(_taken) as taken (n) using (n)
    where taken.n is null
    order by n
  loop
    perform usage.take(p_workspaces[_rest], p_metrics[_rest], p_amounts[_rest]);
  end loop;
end
$$;

drop function usage.add_under_locks(uuid[], text[], bigint[], boolean);
drop function usage.await_slot(jsonb);

create function usage.await_slot(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_slot smallint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from usage.counter_slots s
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.slot = p_slot
  for no key update;
  raise exception using errcode = 'HU001';
exception when sqlstate 'HU001' then
  null;
end
$$;

comment on function usage.await_slot(uuid, text, timestamptz, smallint) is 'Waits until nobody has a slot in hand, and keeps nothing';

create or replace function usage.take_slowly(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true,
  p_slots smallint default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _busy smallint;
begin
  -- Nothing is kept while waiting, for some rounds: without a share left, slots only come back.
  for _round in 1..8 loop
    select c.period_start
    into _start
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start <= now()
      and c.granted > 0
    order by c.period_start desc
    limit 1;
    exit when not found;
    begin
      perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, false);
      return;
    exception when sqlstate 'HU002' then
      _busy := sqlerrm;
    end;
    perform usage.await_slot(p_workspace_id, p_metric, _start, _busy);
  end loop;
  perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, true);
end
$$;

drop function usage.rounds_without_rows();

create or replace function usage.collect_in_use(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_wait boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy smallint;
begin
  perform usage.collect_slots(p_workspace_id, p_metric, p_period_start, p_wait);
  if p_wait then
    return;
  end if;
  select min(s.slot)
  into _busy
  from usage.counter_slots s
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.room > 0;
  if _busy is not null then
    raise exception using errcode = 'HU002', message = _busy;
  end if;
end
$$;

comment on function usage.collect_in_use(uuid, text, timestamptz, boolean) is 'Brings all slots back: waits for those in use, or ends with HU002 and the number of one as message, at which the caller lets go of the counter and waits without it';


revoke execute on function usage.await_slot(uuid, text, timestamptz, smallint) from public;
revoke execute on function usage.make_room(uuid, text, timestamptz, bigint) from public;
revoke execute on function usage.gate_room(uuid, text, bigint) from public;
