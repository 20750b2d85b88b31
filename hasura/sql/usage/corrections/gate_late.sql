create or replace function usage.gate_late(p_request jsonb, p_at timestamptz)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _line usage.gate_line;
  _claim usage.gate_claim;
  _counter usage.gate_counter;
  _member usage.gate_counter;
  _answer jsonb;
begin
  -- The moment is no part of the content: a repetition may carry another one.
  _line := (usage.gate_parse(jsonb_build_array(p_request - 'occurredAt')))[1];
  if _line.reason is null and (
    _line.op <> 'consume'
    or _line.item_no is not null
    -- A gauge has no past use that could be added to.
    or not exists (select from usage.metrics where key = _line.metric and kind = 'counter')
  ) then
    _line.reason := 'invalid-input';
  end if;
  if _line.reason is null and _line.key is not null then
    _claim := (usage.gate_claim_keys(array[_line]))[1];
    if _claim.answer is not null then
      return _claim.answer;
    elsif _claim.is_conflict then
      _line.reason := 'idempotency-conflict';
    end if;
  end if;
  if _line.reason is not null then
    return usage.gate_answer(_line, null, null);
  end if;

  _counter := usage.open_past_counter(_line.workspace_id, _line.metric, p_at);
  if _counter.used is null then
    _line.reason := 'period-closed';
    _answer := usage.gate_answer(_line, null, null);
  else
    _line := usage.gate_admit(_line, _counter);
    _member := usage.open_past_member(_counter, _line.member_id, p_at);
    if _line.reason is null and _member.member_id is not null then
      _line := usage.gate_admit_member(_line, _member, null);
    end if;
    if _line.reason is null then
      perform usage.add_to_past(_counter, _line.granted);
      perform usage.add_to_past_member(_member, _line.granted);
      _counter.used := _counter.used + _line.granted;
      _member.used := _member.used + _line.granted;
      _member.free := _member.free - _line.granted;
    end if;
    -- Neither waiting nor another plan raises the limit of a period that is over.
    _answer := usage.gate_answer(_line, _counter, null)
      || case when _member.member_id is not null then usage.gate_member_answer(_line, _member) else '{}' end
      || '{"retryAfterSeconds": null, "upgrade": null, "addOn": null}'::jsonb;
  end if;
  if _claim.is_owner then
    update usage.ledger
    set allowed = _line.reason is null,
      answer = _answer,
      occurred_at = p_at
    where workspace_id = _claim.workspace_id
      and idempotency_key = _claim.key;
  end if;
  return _answer;
end
$$;

comment on function usage.gate_late(jsonb, timestamptz) is 'Decides a consume of an earlier period by the limit of its moment, and counts it there. Refused as period-closed later than late_hours of the metric after the end of the period. Returns the decision. A step of usage.gate_many, through usage.gate_dated.';

revoke execute on function usage.gate_late(jsonb, timestamptz) from public;
