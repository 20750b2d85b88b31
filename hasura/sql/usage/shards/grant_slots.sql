create or replace function usage.grant_slots(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_slots smallint,
  p_only smallint,
  p_share bigint,
  p_until timestamptz
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _slots smallint[];
  _room bigint;
begin
  select
    array_agg(l.slot),
    sum(l.room)
  into _slots, _room
  from (
    select s.slot, s.room
    from usage.counter_slots s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.slot < p_slots
      and (p_only is null or s.slot = p_only)
    order by s.slot
    for no key update skip locked
  ) l;
  if _slots is null then
    return 0;
  end if;
  update usage.counter_slots s
  set
    room = p_share,
    room_until = p_until
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.slot = any (_slots);
  return p_share * cardinality(_slots) - _room;
end
$$;

comment on function usage.grant_slots(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) is 'Fills all slots, or one, as far as nobody has them in hand, and returns by how much their room grew';

revoke execute on function usage.grant_slots(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) from public;
