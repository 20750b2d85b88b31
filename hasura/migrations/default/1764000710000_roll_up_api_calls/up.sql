alter table usage.api_calls
  drop constraint api_calls_one_per_hour,
  add column api_key_id uuid,
  add column role text not null default '',
  add column protocol text not null default 'http',
  add column status integer not null default 200,
  add column code text not null default '',
  add column refused bigint not null default 0,
  add column errors bigint not null default 0,
  add column latency_ms_sum bigint not null default 0,
  add column latency_ms_min integer,
  add column latency_ms_max integer,
  add column bytes_in bigint not null default 0,
  add column bytes_out bigint not null default 0,
  add constraint api_calls_one_per_hour
    unique nulls not distinct (workspace_id, hour, user_id, api_key_id, operation, role, protocol, status, code),
  add constraint api_calls_protocol_known check (protocol in ('http', 'ws')),
  add constraint api_calls_sums_not_negative
    check (refused >= 0 and errors >= 0 and latency_ms_sum >= 0 and bytes_in >= 0 and bytes_out >= 0);

create index api_calls_hour_idx on usage.api_calls (hour);

comment on column usage.api_calls.operation is
  'Name of the GraphQL operation, null for one without; (other) where a workspace used more names in that hour than are told apart.';
comment on column usage.api_calls.status is 'HTTP status of the answer; 200 for an operation of a WebSocket that was answered.';
comment on column usage.api_calls.code is 'Code of the first error, where there was one that the gateway saw.';
comment on column usage.api_calls.count is 'Requests that were let through; each used one of the metric api_calls.';
comment on column usage.api_calls.refused is 'Requests that the gateway refused: they used nothing.';
comment on column usage.api_calls.errors is 'Those of count whose answer was an error.';

create table usage.api_call_batches (
  id uuid not null,
  created_at timestamptz not null default now(),
  constraint api_call_batches_pkey primary key (id)
);

create index api_call_batches_created_at_idx on usage.api_call_batches (created_at);

comment on table usage.api_call_batches is
  'What gateways have written already: a batch that is sent again after a lost answer does not count twice.';

create function usage.add_api_calls(batch_id uuid, calls jsonb) returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into usage.api_call_batches (id)
  values (batch_id)
  on conflict do nothing;
  if not found then
    return false;
  end if;

  -- A workspace that is being deleted takes its calls with it; what comes later has no owner.
  insert into usage.api_calls as present (
    workspace_id, hour, user_id, api_key_id, operation, role, protocol, status, code,
    count, refused, errors, latency_ms_sum, latency_ms_min, latency_ms_max, bytes_in, bytes_out
  )
  with called as materialized (
    select *
    from jsonb_to_recordset(calls) as c (
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
    select workspaces.id
    from public.workspaces
    where workspaces.id in (
      select called.workspace_id
      from called
    )
    order by workspaces.id
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
  -- gateways that write the same rows at once take them in the same order
  order by 1, 2, 3, 4, 5, 6, 7, 8, 9
  on conflict on constraint api_calls_one_per_hour
  do update set
    count = present.count + excluded.count,
    refused = present.refused + excluded.refused,
    errors = present.errors + excluded.errors,
    latency_ms_sum = present.latency_ms_sum + excluded.latency_ms_sum,
    latency_ms_min = least(present.latency_ms_min, excluded.latency_ms_min),
    latency_ms_max = greatest(present.latency_ms_max, excluded.latency_ms_max),
    bytes_in = present.bytes_in + excluded.bytes_in,
    bytes_out = present.bytes_out + excluded.bytes_out;
  return true;
end
$$;

comment on function usage.add_api_calls(uuid, jsonb) is
  'Adds what a gateway has seen to the hourly rollup; false, and nothing done, for a batch that was written before.';

create function usage.prune_api_calls(before timestamptz, batches_before timestamptz) returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pruned bigint;
begin
  delete from usage.api_call_batches
  where created_at < batches_before;

  delete from usage.api_calls
  where hour < before;
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;

comment on function usage.prune_api_calls(timestamptz, timestamptz) is
  'Drops hours of the rollup, and the marks of batches that no gateway will send again; returns the rows of the rollup.';

revoke execute on function usage.add_api_calls(uuid, jsonb) from public;
revoke execute on function usage.prune_api_calls(timestamptz, timestamptz) from public;
