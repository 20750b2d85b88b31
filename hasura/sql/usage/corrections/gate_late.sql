create or replace function usage.gate_late(p_request jsonb, p_at timestamptz)
returns jsonb
language plpgsql
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
    -- Neither waiting nor another plan makes headroom in a period that is over.
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

comment on function usage.gate_late(jsonb, timestamptz) is 'Decides a use of a period that is over by the limit of its moment, as long as the period is open.';

revoke execute on function usage.gate_late(jsonb, timestamptz) from public;
