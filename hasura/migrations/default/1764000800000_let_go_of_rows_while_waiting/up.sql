-- Whoever holds a slot of a hot counter and is short of more comes for the counter's row. The gate, and statements over
-- several counters, waited for slots in use with rows in hand, and the two ended in a deadlock that one row a counter had not
-- known. Now all who are short let go of every row that their statement took while they wait for a slot.

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
    raise exception using
      errcode = 'HU002',
      message = 'a slot is in use',
      detail = json_build_object(
        'workspaceId', p_workspace_id, 'metric', p_metric, 'periodStart', p_period_start, 'slot', _busy
      )::text;
  end if;
end
$$;

comment on function usage.collect_in_use(uuid, text, timestamptz, boolean) is 'Brings all slots back: waits for those in use, or ends with HU002 and one of them in the detail, at which the caller lets go of its rows and waits without them';

drop function usage.await_slot(uuid, text, timestamptz, smallint);

create function usage.await_slot(p_busy jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from usage.counter_slots s
  where s.workspace_id = (p_busy ->> 'workspaceId')::uuid
    and s.metric = p_busy ->> 'metric'
    and s.period_start = (p_busy ->> 'periodStart')::timestamptz
    and s.slot = (p_busy ->> 'slot')::smallint
  for no key update;
  raise exception using errcode = 'HU001';
exception when sqlstate 'HU001' then
  null;
end
$$;

comment on function usage.await_slot(jsonb) is 'Waits for the slot in the detail of HU002 and lets go of it';

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
  _busy text;
begin
  -- Nothing is kept while waiting, for some rounds: without a share left, slots only come back.
  for _round in 1..usage.rounds_without_rows() loop
    perform 1
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start <= now()
      and c.granted > 0
    limit 1;
    exit when not found;
    begin
      perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_slot(_busy::jsonb);
  end loop;
  perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, true);
end
$$;

create function usage.rounds_without_rows()
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 32
$$;

comment on function usage.rounds_without_rows() is 'How often one that is short waits for a slot with nothing in hand. Others use up slots meanwhile, so it comes to an end; behind it one waits with the rows, where a deadlock is possible again';

create function usage.add_under_locks(p_workspaces uuid[], p_metrics text[], p_amounts bigint[], p_wait boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _taken integer[];
  _rest record;
begin
  perform usage.lock_many(p_workspaces, p_metrics, p_amounts);
  _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select k.workspace_id, k.metric, k.amount, present.period_start, present.slots
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
    left join unnest(_taken) as taken (n) on taken.n = k.n
    left join lateral (
      select c.period_start, c.slots
      from usage.counters c
      where c.workspace_id = k.workspace_id
        and c.metric = k.metric
        and c.period_start <= now()
      order by c.period_start desc
      limit 1
    ) as present on true
    where taken.n is null
    order by k.n
  loop
    if coalesce(_rest.slots, 0) = 0
      or _rest.amount <= 0
      or not usage.take_from_slots(_rest.workspace_id, _rest.metric, _rest.period_start, _rest.slots, _rest.amount)
    then
      perform usage.take_under_lock(_rest.workspace_id, _rest.metric, _rest.amount, true, null, p_wait);
    end if;
  end loop;
end
$$;

comment on function usage.add_under_locks(uuid[], text[], bigint[], boolean) is 'Adds to all counters with the locks of all taken first, in order. HU002 where it would wait for slots, if told not to';

create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _taken integer[];
  _busy text;
begin
  -- What is locked on the way to a counter without room must not be waited for by others who came another way: the
  -- attempt is given up with its locks, and all are taken again in order before anything is counted.
  begin
    _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
    if cardinality(_taken) <> cardinality(p_workspaces)
      and not usage.take_rest_from_slots(p_workspaces, p_metrics, p_amounts, _taken)
    then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  for _round in 1..usage.rounds_without_rows() loop
    begin
      perform usage.add_under_locks(p_workspaces, p_metrics, p_amounts, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_slot(_busy::jsonb);
  end loop;
  perform usage.add_under_locks(p_workspaces, p_metrics, p_amounts, true);
end
$$;

drop function usage.gate_room(uuid, text, bigint);
drop function usage.make_room(uuid, text, timestamptz, bigint);

create function usage.gate_room(p_workspace_id uuid, p_metric text, p_amount bigint, p_wait boolean)
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
  if not found then
    return;
  end if;
  perform usage.room_below(
    p_workspace_id, p_metric, _start,
    coalesce(bound.cap_value, 9000000000000000000) - usage.held(p_workspace_id, p_metric),
    coalesce(p_amount, 0),
    p_wait
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound;
end
$$;

comment on function usage.gate_room(uuid, text, bigint, boolean) is 'Brings back what slots have not used as far as an array of requests may need it, under the counter''s lock. HU002 instead of waiting for slots in use, if told not to';

do $do$
declare
  definition text := pg_get_functiondef('usage.gate_open_counters(usage.gate_line[])'::regprocedure);
  change record;
begin
  for change in
    select *
    from (
      values
        (
          'usage.gate_open_counters(p_lines usage.gate_line[])',
          'usage.gate_lock_counters(p_lines usage.gate_line[], p_wait boolean)'
        ),
        (
          'usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked)',
          'usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked, p_wait)'
        )
    ) as changes (old_text, new_text)
  loop
    if position(change.old_text in definition) = 0 then
      raise exception 'usage.gate_open_counters does not hold %', change.old_text;
    end if;
    definition := replace(definition, change.old_text, change.new_text);
  end loop;
  execute definition;
end
$do$;

comment on function usage.gate_lock_counters(usage.gate_line[], boolean) is 'The counters that an array of requests needs, locked in key order, with what is used, held and free. HU002 where it would wait for slots in use, if told not to';

create or replace function usage.gate_open_counters(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_busy text;
begin
  -- Only what rows feed is ever spread, and only a hold asks for room there: other requests need no way back.
  perform 1
  from unnest(p_lines) as line
  where line.feed = 'rows'
    and line.op = 'reserve'
    and line.reason is null
  limit 1;
  if found then
    for _round in 1..usage.rounds_without_rows() loop
      begin
        return usage.gate_lock_counters(p_lines, false);
      exception when sqlstate 'HU002' then
        get stacked diagnostics v_busy = pg_exception_detail;
      end;
      perform usage.await_slot(v_busy::jsonb);
    end loop;
  end if;
  return usage.gate_lock_counters(p_lines, true);
end
$$;

comment on function usage.gate_open_counters(usage.gate_line[]) is 'What usage.gate_lock_counters says, with nothing in hand while it waits for slots in use';

revoke execute on function usage.await_slot(jsonb) from public;
revoke execute on function usage.rounds_without_rows() from public;
revoke execute on function usage.add_under_locks(uuid[], text[], bigint[], boolean) from public;
revoke execute on function usage.gate_room(uuid, text, bigint, boolean) from public;
revoke execute on function usage.gate_lock_counters(usage.gate_line[], boolean) from public;
