create or replace function usage.prune(p_before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- An idempotency key answers for 34 days.
  _before constant timestamptz := least(p_before, now() - interval '34 days');
  _rows integer;
  _total integer := 0;
begin
  delete from usage.ledger
  where created_at < _before;
  get diagnostics _rows = row_count;
  _total := _total + _rows;

  delete from usage.reservations
  where created_at < _before
    and expires_at <= now();
  get diagnostics _rows = row_count;
  _total := _total + _rows;

  delete from usage.cron_runs
  where scheduled_time < _before
    and started_at < _before;
  get diagnostics _rows = row_count;
  return _total + _rows;
end
$$;

comment on function usage.prune(timestamptz) is 'Deletes ledger rows, reservations whose time is over and cron runs from before a moment, or from before 34 days ago where that is earlier, and returns how many rows. The job usage_prune_ledger calls it.';

revoke execute on function usage.prune(timestamptz) from public;
