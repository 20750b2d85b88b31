create or replace function usage.take_from_slots(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_slots smallint,
  p_amount bigint
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- In a variable: within a statement it would be computed for every row.
  _own constant smallint := pg_backend_pid() % p_slots;
  _slot smallint;
begin
  -- No wait, not even for the own slot: a transaction that took from another one may be waited for by its holder.
  with free as (
    select s.slot
    from usage.counter_slots s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.slot = _own
      and s.room >= p_amount
      and s.room_until > now()
    for no key update skip locked
  ),
  taken as (
    update usage.counter_slots s
    set
      used = s.used + p_amount,
      room = s.room - p_amount,
      updated_at = now()
    from free f
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.slot = f.slot
    returning s.slot
  ),
  noted as (
    insert into usage.counter_entries (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from taken
  )
  select t.slot
  into _slot
  from taken t;
  if found then
    return true;
  end if;

  -- Without room by the clock or by a change of limits: its holder gets it new room under the counter's row.
  perform 1
  from usage.counter_slots s
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.slot = _own
    and s.room_until <= now()
  for no key update skip locked;
  if found then
    return false;
  end if;

  with free as (
    select s.slot
    from usage.counter_slots s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.room >= p_amount
      and s.room_until > now()
    order by s.slot
    limit 1
    for no key update skip locked
  ),
  taken as (
    update usage.counter_slots s
    set
      used = s.used + p_amount,
      room = s.room - p_amount,
      updated_at = now()
    from free f
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.slot = f.slot
    returning s.slot
  ),
  noted as (
    insert into usage.counter_entries (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from taken
  )
  select t.slot
  into _slot
  from taken t;
  return found;
end
$$;

comment on function usage.take_from_slots(uuid, text, timestamptz, smallint, bigint) is 'Adds to the slot of this connection or to any other that has room and is in nobody''s hand';

revoke execute on function usage.take_from_slots(uuid, text, timestamptz, smallint, bigint) from public;
