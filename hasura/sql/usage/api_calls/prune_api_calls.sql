create or replace function usage.prune_api_calls(p_before timestamptz, p_batches_before timestamptz)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _hours bigint;
begin
  delete from usage.api_call_batches
  where created_at < p_batches_before;

  delete from usage.api_calls
  where hour < p_before;
  get diagnostics _hours = row_count;
  return _hours;
end
$$;

comment on function usage.prune_api_calls(timestamptz, timestamptz) is 'Deletes the rollup of hours before a moment, and the ids of batches written before another one, which no gateway sends again. Returns how many rows of the rollup. The job usage_prune_api_calls calls it.';

revoke execute on function usage.prune_api_calls(timestamptz, timestamptz) from public;
