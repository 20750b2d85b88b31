-- A correction changed the counter of the workspace and left that of the member as it was, so that a member who had been
-- charged too much stayed at its limit; a late event of a member was refused as malformed.

create function usage.open_past_member(
  p_counter usage.gate_counter,
  p_member_id uuid,
  p_at timestamptz,
  p_is_present boolean
)
returns usage.gate_counter
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_member usage.gate_counter := p_counter;
begin
  if p_member_id is null or not exists (
    select
    from usage.member_meters
    where member_meters.workspace_id = p_counter.workspace_id
      and member_meters.metric = p_counter.metric
  ) then
    return null;
  end if;
  v_member.member_id := p_member_id;
  v_member.source := 'member-limit';
  v_member.enforcement := 'hard';
  v_member.included := true;

  -- Behind the counter of the workspace, and written, as usage.gate_open_members leaves it.
  insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
  values (v_member.workspace_id, v_member.metric, v_member.period_start, p_member_id, 0)
  on conflict on constraint member_counters_pkey do update
    set used = c.used
  returning c.used
  into v_member.used;
  v_member.held := case
    when p_is_present then usage.member_held(v_member.workspace_id, v_member.metric, p_member_id)
    else 0
  end;
  v_member.limit_value := (
    select bound.limit_value
    from billing.member_limit_of(
      v_member.workspace_id, v_member.metric, case when p_is_present then now() else p_at end
    ) as bound
  );
  v_member.free := v_member.limit_value - v_member.used - v_member.held;
  return v_member;
end
$$;
comment on function usage.open_past_member(usage.gate_counter, uuid, timestamptz, boolean) is
  'Locks and reads the counter of a member beside the one of its workspace that usage.open_past_counter has locked; null where members are not counted.';

create function usage.add_to_past_member(p_member usage.gate_counter, p_delta bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_member.member_id is null or p_delta = 0 then
    return;
  end if;
  update usage.member_counters
  set used = used + p_delta,
    updated_at = now()
  where workspace_id = p_member.workspace_id
    and metric = p_member.metric
    and period_start = p_member.period_start
    and member_id = p_member.member_id;
  insert into usage.member_entries (workspace_id, metric, period_start, member_id, amount)
  values (p_member.workspace_id, p_member.metric, p_member.period_start, p_member.member_id, p_delta);
end
$$;
comment on function usage.add_to_past_member(usage.gate_counter, bigint) is
  'Adds to the counter that usage.open_past_member has locked.';

create or replace function usage.gate_late(
  p_request jsonb,
  p_at timestamptz
)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_claim usage.gate_claim;
  v_counter usage.gate_counter;
  v_member usage.gate_counter;
  v_past record;
  v_answer jsonb;
begin
  -- The moment is no part of the content: who repeats a request may stamp it anew.
  v_line := (usage.gate_parse(jsonb_build_array(p_request - 'occurredAt')))[1];
  if v_line.reason is null and (
    v_line.op <> 'consume'
    or v_line.item is not null
    -- A level has no past that could be added to.
    or not exists (select from usage.metrics where key = v_line.metric and kind = 'counter')
  ) then
    v_line.reason := 'invalid-input';
  end if;
  if v_line.reason is null and v_line.key is not null then
    v_claim := (usage.gate_claim_keys(array[v_line]))[1];
    if v_claim.answer is not null then
      return v_claim.answer;
    elsif v_claim.is_conflict then
      v_line.reason := 'idempotency-conflict';
    end if;
  end if;
  if v_line.reason is not null then
    return usage.gate_answer(v_line, null, null);
  end if;

  select *
  into v_past
  from usage.open_past_counter(v_line.workspace_id, v_line.metric, p_at);
  v_counter := v_past.counter;
  if v_past.is_closed then
    v_line.reason := 'period-closed';
    v_answer := usage.gate_answer(v_line, null, null);
  else
    v_line := usage.gate_admit(v_line, v_counter);
    v_member := usage.open_past_member(v_counter, v_line.member_id, p_at, v_past.is_present);
    if v_line.reason is null and v_member.member_id is not null then
      v_line := usage.gate_admit_member(v_line, v_member, null);
    end if;
    if v_line.reason is null then
      perform usage.add_to_past(v_counter, v_past.is_present, v_line.granted);
      perform usage.add_to_past_member(v_member, v_line.granted);
      v_counter.used := v_counter.used + v_line.granted;
      v_member.used := v_member.used + v_line.granted;
      v_member.free := v_member.free - v_line.granted;
    end if;
    -- Neither waiting nor another plan makes room in a period that is over.
    v_answer := usage.gate_answer(v_line, v_counter, null)
      || case when v_member.member_id is not null then usage.gate_member_answer(v_line, v_member) else '{}' end
      || '{"retryAfterSeconds": null, "upgrade": null, "addOn": null}'::jsonb;
  end if;
  if v_claim.is_owner then
    update usage.ledger
    set allowed = v_line.reason is null,
      answer = v_answer,
      occurred_at = p_at
    where workspace_id = v_claim.workspace_id
      and idempotency_key = v_claim.key;
  end if;
  return v_answer;
end
$$;

create or replace function usage.correct(request jsonb)
returns jsonb
language plpgsql
volatile
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

revoke execute on function usage.open_past_member(usage.gate_counter, uuid, timestamptz, boolean) from public;
revoke execute on function usage.add_to_past_member(usage.gate_counter, bigint) from public;
