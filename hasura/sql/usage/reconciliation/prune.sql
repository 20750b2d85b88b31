create or replace function usage.prune(before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- An answer is kept 34 days, whatever the caller says.
  v_before constant timestamptz := least(before, now() - interval '34 days');
  v_rows integer;
  v_total integer := 0;
begin
  delete from usage.ledger
  where created_at < v_before;
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;

  delete from usage.reservations
  where created_at < v_before
    and expires_at <= now();
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;

  delete from usage.cron_runs
  where scheduled_time < v_before
    and started_at < v_before;
  get diagnostics v_rows = row_count;
  return v_total + v_rows;
end
$$;

comment on function usage.prune(timestamptz) is 'Removes ledger rows, closed reservations and cron runs from before a moment at least 34 days ago; returns how many rows.';

revoke execute on function usage.prune(timestamptz) from public;
