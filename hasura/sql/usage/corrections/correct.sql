create or replace function usage.correct(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  c_most constant bigint := 9007199254740991;
  v_op constant text := request ->> 'op';
  v_workspace constant uuid := case when request ->> 'workspaceId' ~ c_uuid then (request ->> 'workspaceId')::uuid end;
  v_event_key constant text := request ->> 'eventKey';
  v_note constant text := request ->> 'note';
  v_amount constant bigint := case
    when v_op = 'void' then 0
    when request ->> 'amount' ~ '^[0-9]{1,16}$' then (request ->> 'amount')::bigint
  end;
  v_key constant text := coalesce(request ->> 'idempotencyKey', gen_random_uuid()::text);
  v_metric text;
  v_event usage.ledger;
  v_counter usage.gate_counter;
  v_part jsonb;
  v_member usage.gate_counter;
  v_past record;
  v_hash bytea;
  v_stored record;
  v_is_owner boolean := false;
  v_before bigint;
  v_delta bigint;
  v_reason text;
  v_answer jsonb;
begin
  if v_op is null or v_op not in ('amend', 'void') or v_workspace is null or v_amount is null
    or (v_op = 'amend' and v_amount not between 1 and c_most)
    or (v_op = 'void' and request ->> 'amount' is not null)
    or coalesce(char_length(v_event_key), 0) not between 1 and 255
    or coalesce(char_length(btrim(v_note)), 0) not between 1 and 500
    or char_length(v_key) not between 1 and 255
    or v_key = v_event_key
  then
    v_reason := 'invalid-input';
  elsif not exists (select from public.workspaces where workspaces.id = v_workspace) then
    v_reason := 'workspace-forbidden';
  end if;

  if v_reason is null then
    select *
    into v_event
    from usage.ledger
    where ledger.workspace_id = v_workspace
      and ledger.idempotency_key = v_event_key
      and ledger.op in ('consume', 'commit')
      and ledger.allowed
      and ledger.created_at >= now() - interval '34 days';
    v_metric := coalesce(v_event.metric, request ->> 'metric');
    -- An event with items is corrected metric by metric, each of which has to be named.
    v_part := case
      when v_event.metric is not null then v_event.answer
      else (
        select part.value
        from jsonb_array_elements(v_event.answer -> 'items') as part (value)
        where part.value ->> 'metric' = v_metric
      )
    end;
    v_before := (v_part ->> 'granted')::bigint;
    v_reason := case
      when v_before is null or (request ->> 'metric') <> v_metric then 'event-not-found'
      when not exists (select from usage.metrics where key = v_metric and feed = 'gate') then 'row-metered'
      when not exists (select from usage.metrics where key = v_metric and kind = 'counter') then 'invalid-input'
    end;
  end if;

  if v_reason is null then
    v_hash := sha256(convert_to(concat_ws(chr(31), v_op, v_event_key, v_metric, v_amount, v_note), 'UTF8'));
    -- Waits for a transaction that holds the same key.
    insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash, corrects, note)
    values (v_workspace, v_key, v_op, v_metric, v_amount, v_hash, v_event_key, v_note)
    on conflict on constraint ledger_pkey do update
    set op = excluded.op,
      metric = excluded.metric,
      amount = excluded.amount,
      request_hash = excluded.request_hash,
      corrects = excluded.corrects,
      note = excluded.note,
      occurred_at = null,
      delta = null,
      allowed = null,
      answer = null,
      created_at = excluded.created_at
    where entry.created_at < now() - interval '34 days';

    select ledger.answer, ledger.request_hash
    into v_stored
    from usage.ledger
    where ledger.workspace_id = v_workspace
      and ledger.idempotency_key = v_key;
    v_is_owner := v_stored.answer is null;
    if not v_is_owner and v_stored.request_hash = v_hash then
      return v_stored.answer;
    elsif not v_is_owner then
      v_reason := 'idempotency-conflict';
    end if;
  end if;

  if v_reason is null then
    select *
    into v_past
    from usage.open_past_counter(v_workspace, v_metric, coalesce(v_event.occurred_at, v_event.created_at));
    v_counter := v_past.counter;
    if not v_past.is_closed then
      -- Whom it counted for its answer says; whose members were not counted at the time has nothing to take back.
      v_member := usage.open_past_member(
        v_counter, (v_part #>> '{member,memberId}')::uuid, coalesce(v_event.occurred_at, v_event.created_at), v_past.is_present
      );
    end if;
    -- Under the counter's lock, which every correction of the event takes.
    select
      v_before + coalesce(sum(earlier.delta), 0),
      case when bool_or(earlier.op = 'void') then 'event-voided' end
    into v_before, v_reason
    from usage.ledger as earlier
    where earlier.workspace_id = v_workspace
      and earlier.corrects = v_event_key
      and earlier.metric = v_metric
      and earlier.allowed;
    v_delta := v_amount - v_before;
    v_reason := case
      when v_past.is_closed then 'period-closed'
      when v_reason is not null then v_reason
      when v_delta > 0 and (v_delta > v_counter.free or v_delta > v_member.free) then 'usage-limit-exceeded'
      when v_delta > 9000000000000000000 - v_counter.used - v_counter.held then 'invalid-input'
    end;
    if v_reason is null then
      perform usage.add_to_past(v_counter, v_past.is_present, v_delta);
      perform usage.add_to_past_member(v_member, v_delta);
      v_counter.used := v_counter.used + v_delta;
    end if;
  end if;

  v_answer := jsonb_build_object(
    'allowed', v_reason is null,
    'reason', v_reason,
    'metric', v_metric,
    'eventKey', v_event_key,
    'correctionKey', case when v_is_owner then v_key end,
    'amountBefore', v_before,
    'amount', case when v_reason is null then v_amount else v_before end,
    'used', v_counter.used,
    'limit', v_counter.limit_value,
    'remaining', greatest(v_counter.limit_value - v_counter.used - v_counter.held, case when v_counter.limit_value is not null then 0 end),
    'periodStart', to_char(v_counter.period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  );
  if v_is_owner then
    update usage.ledger
    set allowed = v_reason is null,
      answer = v_answer,
      delta = case when v_reason is null then v_delta end
    where workspace_id = v_workspace
      and idempotency_key = v_key;
  end if;
  return v_answer;
end
$$;

comment on function usage.correct(jsonb) is 'Amends or voids a recorded use: {op: amend|void, workspaceId, eventKey, metric, amount, note, idempotencyKey}. The event''s row stays; the correction is a row of its own that points at it. A refusal is an answer.';

revoke execute on function usage.correct(jsonb) from public;
