-- An addition that did not fit waited for slots in use with the counter's row in hand. A transaction that holds such a slot and
-- comes for the row closed the circle. Now the row is let go of first: what a subtransaction locked ends with it.

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

drop function usage.make_room(uuid, text, timestamptz, bigint);
drop function usage.room_below(uuid, text, timestamptz, bigint, bigint);

create function usage.room_below(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_bound bigint,
  p_amount bigint,
  p_wait boolean
)
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
    if _round = 0 then
      perform usage.collect_slots(p_workspace_id, p_metric, p_period_start, false);
    else
      -- What may fit is never refused.
      perform usage.collect_in_use(p_workspace_id, p_metric, p_period_start, p_wait);
    end if;
  end loop;
  return p_bound - coalesce(_taken, 0);
end
$$;

comment on function usage.room_below(uuid, text, timestamptz, bigint, bigint, boolean) is 'How far a counter is below a bound, with its slots emptied as far as an amount needs it; exact under the counter''s lock whenever it says less than that amount. HU002 instead of waiting for slots in use, if told not to';

create function usage.collect_in_use(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_wait boolean)
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

do $do$
declare
  definition text := pg_get_functiondef('usage.take_slowly(uuid,text,bigint,boolean,smallint)'::regprocedure);
  change record;
begin
  for change in
    select *
    from (
      values
        (
          'usage.take_slowly(p_workspace_id uuid, p_metric text, p_amount bigint, p_enforce boolean DEFAULT true, p_slots smallint DEFAULT NULL::smallint)',
          'usage.take_under_lock(p_workspace_id uuid, p_metric text, p_amount bigint, p_enforce boolean, p_slots smallint, p_wait boolean)'
        ),
        (
          'usage.room_below(p_workspace_id, p_metric, _start, _limit.cap_value - _held, p_amount)',
          'usage.room_below(p_workspace_id, p_metric, _start, _limit.cap_value - _held, p_amount, p_wait)'
        ),
        (
          'usage.room_below(p_workspace_id, p_metric, _start, _home.alert_at - 1, p_amount)',
          'usage.room_below(p_workspace_id, p_metric, _start, _home.alert_at - 1, p_amount, p_wait)'
        ),
        (
          'usage.collect_slots(p_workspace_id, p_metric, _start, true)',
          'usage.collect_in_use(p_workspace_id, p_metric, _start, p_wait)'
        )
    ) as changes (old_text, new_text)
  loop
    if position(change.old_text in definition) = 0 then
      raise exception 'usage.take_slowly does not hold %', change.old_text;
    end if;
    definition := replace(definition, change.old_text, change.new_text);
  end loop;
  execute definition;
end
$do$;

comment on function usage.take_under_lock(uuid, text, bigint, boolean, smallint, boolean) is 'Adds under the counter''s lock with everything looked up: period, limit, reservations, alerts; then grants the room in which usage.take needs none of it. HU002 where it would wait for slots, if told not to';

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

comment on function usage.take_slowly(uuid, text, bigint, boolean, smallint) is 'Adds where the room does not do, by usage.take_under_lock, and waits for slots in use without the counter''s row. Amount 0 only looks; slots given spread the counter over so many';

revoke execute on function usage.await_slot(uuid, text, timestamptz, smallint) from public;
revoke execute on function usage.make_room(uuid, text, timestamptz, bigint) from public;
revoke execute on function usage.room_below(uuid, text, timestamptz, bigint, bigint, boolean) from public;
revoke execute on function usage.collect_in_use(uuid, text, timestamptz, boolean) from public;
revoke execute on function usage.take_under_lock(uuid, text, bigint, boolean, smallint, boolean) from public;
