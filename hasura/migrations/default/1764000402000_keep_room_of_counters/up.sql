-- Locks: the row of usage.counters, then its slots in their order. A transaction that has taken from a slot holds it
-- while it comes to the row; what that asks of others stands at usage.room_below and usage.recall_room.

create function usage.collect_slots(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_wait boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _slots smallint[];
  _used bigint;
  _room bigint;
begin
  if p_wait then
    perform 1
    from usage.counter_slots s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.room > 0
    order by s.slot
    for no key update;
  end if;

  select
    array_agg(l.slot),
    coalesce(sum(l.used), 0),
    coalesce(sum(l.room), 0)
  into _slots, _used, _room
  from (
    select s.slot, s.used, s.room
    from usage.counter_slots s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and (s.used > 0 or s.room > 0)
    order by s.slot
    for no key update skip locked
  ) l;
  if _slots is null then
    return;
  end if;

  update usage.counter_slots s
  set
    used = 0,
    room = 0,
    room_until = '-infinity'
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.slot = any (_slots);
  update usage.counters c
  set
    used = c.used + _used,
    granted = c.granted - _used - _room
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start;
end
$$;

comment on function usage.collect_slots(uuid, text, timestamptz, boolean) is 'Brings back what slots have counted and not used, for the holder of the counter''s lock; waits for slots that a transaction has in hand, or leaves them out';

create function usage.room_below(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_bound bigint, p_amount bigint)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _taken bigint;
  _granted bigint;
begin
  for _round in 0..2 loop
    select c.used + c.granted, c.granted
    into _taken, _granted
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = p_period_start;
    exit when not found or _granted = 0 or _round = 2 or p_bound - _taken >= p_amount;
    -- What may fit is never refused: the last round waits for slots in use. Spreading ends while there is room for a
    -- thousand more, so that a slot in use with room left belongs to a transaction of before that.
    perform usage.collect_slots(p_workspace_id, p_metric, p_period_start, _round = 1);
  end loop;
  return p_bound - coalesce(_taken, 0);
end
$$;

comment on function usage.room_below(uuid, text, timestamptz, bigint, bigint) is 'How far a counter is below a bound, with its slots emptied as far as an amount needs it; exact under the counter''s lock whenever it says less than that amount';

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
    p_amount
  );
end
$$;

comment on function usage.make_room(uuid, text, timestamptz, bigint) is 'What is free under the ceiling and beside live reservations, for the holder of the counter''s lock; brings back the room of slots if the amount would not fit without';

create function usage.void_room(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters c
  set
    room = 0,
    room_until = '-infinity'
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start;
end
$$;

comment on function usage.void_room(uuid, text, timestamptz) is 'Sends the next addition to look at limit and reservations again. What slots were granted stays theirs, and counts as taken';

create function usage.recall_room(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy smallint;
begin
  -- Waiting for a slot with the row in hand would be a deadlock with a transaction that holds the slot and comes for
  -- the row; waiting for the row with slots in hand, with one that has the row and is short of what they hold.
  -- So nothing is kept while waiting, for some rounds: a counter that is written to all the time has enough on its
  -- row, and may be had the other way.
  for _round in 1..8 loop
    begin
      update usage.counters c
      set
        room = 0,
        room_until = '-infinity',
        alert_due = '-infinity'
      where c.workspace_id = p_workspace_id
        and c.metric = p_metric
        and c.period_start = p_period_start;
      if _round = 8 then
        perform usage.collect_slots(p_workspace_id, p_metric, p_period_start, true);
      else
        perform usage.collect_slots(p_workspace_id, p_metric, p_period_start, false);
        select min(s.slot)
        into _busy
        from usage.counter_slots s
        where s.workspace_id = p_workspace_id
          and s.metric = p_metric
          and s.period_start = p_period_start
          and s.room > 0;
        if _busy is not null then
          raise exception using errcode = 'HU001';
        end if;
      end if;
      return (
        select c.used + c.granted
        from usage.counters c
        where c.workspace_id = p_workspace_id
          and c.metric = p_metric
          and c.period_start = p_period_start
      );
    exception when sqlstate 'HU001' then
      null;
    end;
    if _round = 7 then
      perform 1
      from usage.counter_slots s
      where s.workspace_id = p_workspace_id
        and s.metric = p_metric
        and s.period_start = p_period_start
      order by s.slot
      for no key update;
    else
      begin
        perform 1
        from usage.counter_slots s
        where s.workspace_id = p_workspace_id
          and s.metric = p_metric
          and s.period_start = p_period_start
          and s.slot = _busy
        for no key update;
        raise exception using errcode = 'HU001';
      exception when sqlstate 'HU001' then
        null;
      end;
    end if;
  end loop;
end
$$;

comment on function usage.recall_room(uuid, text, timestamptz) is 'Takes all room back, that of slots too, and returns the use: for changes of limits. The lock stays until the transaction ends, so that what follows sees the change';

create or replace function usage.lock_counter(workspace_id uuid, metric text, period_start timestamptz)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _used bigint;
begin
  -- A written row version, not just a lock, makes a repeatable-read writer that did not see what is decided
  -- under this lock fail with a serialization error instead of passing the limit.
  insert into usage.counters as c (workspace_id, metric, period_start, used)
  values ($1, $2, $3, 0)
  on conflict on constraint counters_pkey do update
    set
      room = 0,
      room_until = '-infinity';
  select t.used
  into _used
  from usage.counter_totals t
  where t.workspace_id = $1
    and t.metric = $2
    and t.period_start = $3;
  return _used;
end
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Takes the row lock of one counter, creating it at zero, voids its room and returns what is used; take several in the order of workspace and metric';

create function usage.reserve_room()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters c
  set
    room = 0,
    room_until = '-infinity'
  where c.workspace_id = new.workspace_id
    and c.metric = new.metric
    and c.room > 0;
  return null;
end
$$;

comment on function usage.reserve_room() is 'Whoever writes a reservation, what it holds is not given out as room';

create trigger reservations_reserve_room
after insert or update of amount, expires_at, status on usage.reservations
for each row
when (new.status = 'held')
execute function usage.reserve_room();


revoke execute on function usage.collect_slots(uuid, text, timestamptz, boolean) from public;
revoke execute on function usage.room_below(uuid, text, timestamptz, bigint, bigint) from public;
revoke execute on function usage.make_room(uuid, text, timestamptz, bigint) from public;
revoke execute on function usage.void_room(uuid, text, timestamptz) from public;
revoke execute on function usage.recall_room(uuid, text, timestamptz) from public;
revoke execute on function usage.reserve_room() from public;
