create or replace function usage.gate(
  metric text default null,
  amount bigint default null,
  idempotency_key text default null,
  reservation_id uuid default null,
  workspace_id uuid default null,
  hasura_session json default null
)
returns setof usage.decisions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _session_workspace text;
  _session_user text;
  _trusted constant boolean := hasura_session is null or hasura_session ->> 'x-hasura-role' = 'admin';
  _workspace uuid;
  _answer jsonb;
begin
  -- An application may name its session variables otherwise.
  if hasura_session is not null then
    select
      max(hasura_session ->> setting.value) filter (where setting.key = 'tenant_claim'),
      max(hasura_session ->> setting.value) filter (where setting.key = 'user_claim')
    into _session_workspace, _session_user
    from usage.settings as setting;
  end if;
  if _trusted then
    _workspace := coalesce(gate.workspace_id, _session_workspace::uuid);
  elsif gate.workspace_id is null or gate.workspace_id::text = lower(_session_workspace) then
    _workspace := _session_workspace::uuid;
  end if;
  if _workspace is null then
    perform usage.refuse(jsonb_build_object(
      'allowed', false,
      'reason', 'workspace-forbidden',
      'code', 'workspace-forbidden',
      'message', 'the workspace is not open to this request'
    ));
  end if;

  _answer := usage.gate_many(jsonb_build_array(jsonb_build_object(
    'op', case when gate.reservation_id is null then 'consume' else 'commit' end,
    'workspaceId', _workspace,
    'metric', gate.metric,
    'amount', gate.amount,
    'idempotencyKey', gate.idempotency_key,
    'reservationId', gate.reservation_id,
    -- Only a uuid can be a member: an id of another form has no rows that count for it.
    'memberId', case
      when _session_user ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
        then _session_user
    end
  ))) -> 0;

  if not (_answer ->> 'allowed')::boolean then
    perform usage.refuse(_answer);
  end if;

  -- The commit above ended the hold under the counter's lock, which this transaction keeps: its units are open to the
  -- rows that follow in this transaction and to no other. What they leave is free for all at the commit.
  if gate.reservation_id is not null then
    perform set_config('usage.reservation_id', gate.reservation_id::text, true);
  end if;

  return query
  select
    gen_random_uuid(),
    _workspace,
    _answer ->> 'metric',
    true,
    (_answer ->> 'amount')::bigint,
    (_answer ->> 'used')::bigint,
    (_answer ->> 'reserved')::bigint,
    (_answer ->> 'limit')::bigint,
    (_answer ->> 'remaining')::bigint,
    (_answer ->> 'resetsAt')::timestamptz,
    (_answer ->> 'reservationId')::uuid,
    now();
end
$$;

comment on function usage.gate(text, bigint, text, uuid, uuid, json) is 'Uses an amount of a metric, or draws on a reservation, in the transaction of the mutations beside it. A denial raises 23U01.';

revoke execute on function usage.gate(text, bigint, text, uuid, uuid, json) from public;
