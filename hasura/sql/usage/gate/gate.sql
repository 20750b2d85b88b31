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
  v_session_workspace text;
  v_session_user text;
  v_trusted constant boolean := hasura_session is null or hasura_session ->> 'x-hasura-role' = 'admin';
  v_workspace uuid;
  v_answer jsonb;
begin
  if hasura_session is not null then
    select
      max(hasura_session ->> setting.value) filter (where setting.key = 'tenant_claim'),
      max(hasura_session ->> setting.value) filter (where setting.key = 'user_claim')
    into v_session_workspace, v_session_user
    from usage.settings as setting;
  end if;
  if v_trusted then
    v_workspace := coalesce(gate.workspace_id, v_session_workspace::uuid);
  elsif gate.workspace_id is null or gate.workspace_id::text = lower(v_session_workspace) then
    v_workspace := v_session_workspace::uuid;
  end if;
  if v_workspace is null then
    raise exception using
      errcode = '23U01',
      message = 'the workspace is not open to this request',
      detail = '{"allowed": false, "reason": "workspace-forbidden", "code": "workspace-forbidden"}';
  end if;

  v_answer := usage.gate_many(jsonb_build_array(jsonb_build_object(
    'op', case when gate.reservation_id is null then 'consume' else 'commit' end,
    'workspaceId', v_workspace,
    'metric', gate.metric,
    'amount', gate.amount,
    'idempotencyKey', gate.idempotency_key,
    'reservationId', gate.reservation_id,
    -- As the actions take it; whoever is no uuid has no row that counts for them either.
    'memberId', case
      when v_session_user ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
        then v_session_user
    end
  ))) -> 0;

  if not (v_answer ->> 'allowed')::boolean then
    raise exception using
      errcode = '23U01',
      message = v_answer ->> 'message',
      detail = v_answer::text;
  end if;

  -- The commit above ended the hold under the counter's lock, which this transaction keeps: the headroom is free
  -- for the rows that follow in it and for nobody else, and what they do not take is free for all at commit.
  if gate.reservation_id is not null then
    perform set_config('usage.reservation_id', gate.reservation_id::text, true);
  end if;

  return query
  select
    gen_random_uuid(),
    v_workspace,
    v_answer ->> 'metric',
    true,
    (v_answer ->> 'amount')::bigint,
    (v_answer ->> 'used')::bigint,
    (v_answer ->> 'reserved')::bigint,
    (v_answer ->> 'limit')::bigint,
    (v_answer ->> 'remaining')::bigint,
    (v_answer ->> 'resetsAt')::timestamptz,
    (v_answer ->> 'reservationId')::uuid,
    now();
end
$$;

comment on function usage.gate(text, bigint, text, uuid, uuid, json) is 'Uses an amount of a metric, or draws on a reservation, in the transaction of the mutations beside it. A denial raises 23U01.';

revoke execute on function usage.gate(text, bigint, text, uuid, uuid, json) from public;
