create or replace function usage.add_api_calls(p_batch_id uuid, p_calls jsonb)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into usage.api_call_batches (id)
  values (p_batch_id)
  on conflict do nothing;
  if not found then
    return false;
  end if;

  -- The lock waits for a workspace that is being deleted; calls of a deleted one are left out.
  insert into usage.api_calls as api_call (
    workspace_id, hour, user_id, api_key_id, operation, role, protocol, status, code,
    count, refused, errors, latency_ms_sum, latency_ms_min, latency_ms_max, bytes_in, bytes_out
  )
  with called as materialized (
    select *
    from jsonb_to_recordset(p_calls) as call (
      workspace_id uuid,
      hour timestamptz,
      user_id uuid,
      api_key_id uuid,
      operation text,
      role text,
      protocol text,
      status integer,
      code text,
      count bigint,
      refused bigint,
      errors bigint,
      latency_ms_sum bigint,
      latency_ms_min integer,
      latency_ms_max integer,
      bytes_in bigint,
      bytes_out bigint
    )
  ),
  owned as materialized (
    select workspace.id
    from public.workspaces as workspace
    where workspace.id in (
      select called.workspace_id
      from called
    )
    order by workspace.id
    for key share
  )
  select
    called.workspace_id, called.hour, called.user_id, called.api_key_id, called.operation, called.role,
    called.protocol, called.status, called.code,
    sum(called.count), sum(called.refused), sum(called.errors), sum(called.latency_ms_sum),
    min(called.latency_ms_min), max(called.latency_ms_max), sum(called.bytes_in), sum(called.bytes_out)
  from called
  join owned
    on owned.id = called.workspace_id
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  -- Gateways that write the same rows at the same time lock them in the same order.
  order by 1, 2, 3, 4, 5, 6, 7, 8, 9
  on conflict on constraint api_calls_one_per_hour
  do update set
    count = api_call.count + excluded.count,
    refused = api_call.refused + excluded.refused,
    errors = api_call.errors + excluded.errors,
    latency_ms_sum = api_call.latency_ms_sum + excluded.latency_ms_sum,
    latency_ms_min = least(api_call.latency_ms_min, excluded.latency_ms_min),
    latency_ms_max = greatest(api_call.latency_ms_max, excluded.latency_ms_max),
    bytes_in = api_call.bytes_in + excluded.bytes_in,
    bytes_out = api_call.bytes_out + excluded.bytes_out;
  return true;
end
$$;

comment on function usage.add_api_calls(uuid, jsonb) is 'Adds a batch of calls of a gateway to the hourly rollup: an array of objects with the columns of usage.api_calls. Returns false and adds nothing for a batch id that was written before, so a gateway may send a batch again.';

revoke execute on function usage.add_api_calls(uuid, jsonb) from public;
