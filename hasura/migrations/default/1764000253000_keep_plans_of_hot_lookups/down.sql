create or replace function usage.held(workspace_id uuid, metric text)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(r.amount), 0)::bigint
  from usage.reservations r
  where r.workspace_id = $1
    and r.metric = $2
    and r.status = 'held'
    and r.expires_at > now()
    and r.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
$$;

create or replace function usage.lock_counter(workspace_id uuid, metric text, period_start timestamptz)
returns bigint
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  -- A written row version, not just a lock, makes a repeatable-read writer that did not see what is decided
  -- under this lock fail with a serialization error instead of passing the limit.
  insert into usage.counters as c (workspace_id, metric, period_start, used)
  values ($1, $2, $3, 0)
  on conflict on constraint counters_pkey do update
    set used = c.used
  returning c.used
$$;
