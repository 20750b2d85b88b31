create or replace function usage.prune_api_calls(before timestamptz, batches_before timestamptz)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _pruned bigint;
begin
  delete from usage.api_call_batches
  where created_at < batches_before;

  delete from usage.api_calls
  where hour < before;
  get diagnostics _pruned = row_count;
  return _pruned;
end
$$;

comment on function usage.prune_api_calls(timestamptz, timestamptz) is 'Drops hours of the rollup, and the marks of batches that no gateway will send again; returns the rows of the rollup.';

revoke execute on function usage.prune_api_calls(timestamptz, timestamptz) from public;
