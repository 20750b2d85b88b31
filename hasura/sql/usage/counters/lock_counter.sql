create or replace function usage.lock_counter(workspace_id uuid, metric text, period_start timestamptz)
returns bigint
language plpgsql
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
      headroom = 0,
      headroom_until = '-infinity';
  select t.used
  into _used
  from usage.counter_totals t
  where t.workspace_id = $1
    and t.metric = $2
    and t.period_start = $3;
  return _used;
end
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Takes the row lock of one counter, creating it at zero, voids its headroom and returns what is used; take several in the order of workspace and metric';

revoke execute on function usage.lock_counter(uuid, text, timestamptz) from public;
