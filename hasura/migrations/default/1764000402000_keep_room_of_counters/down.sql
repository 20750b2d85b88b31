drop trigger reservations_reserve_room on usage.reservations;

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
    set used = c.used
  returning c.used
  into _used;
  return _used;
end
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Takes the row lock of one counter, creating it at zero, and returns what is used; take several in the order of workspace and metric';


drop function usage.reserve_room();
drop function usage.recall_room(uuid, text, timestamptz);
drop function usage.void_room(uuid, text, timestamptz);
drop function usage.make_room(uuid, text, timestamptz, bigint);
drop function usage.room_below(uuid, text, timestamptz, bigint, bigint);
drop function usage.collect_slots(uuid, text, timestamptz, boolean);
