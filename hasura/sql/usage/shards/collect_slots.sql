create or replace function usage.collect_slots(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns void
language plpgsql
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

revoke execute on function usage.collect_slots(uuid, text, timestamptz, boolean) from public;
