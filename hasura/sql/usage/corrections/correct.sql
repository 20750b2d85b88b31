create or replace function usage.correct(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The largest integer that a JSON number keeps exactly.
  _max_amount constant bigint := 9007199254740991;
  _op constant text := request ->> 'op';
  _workspace_id constant uuid := case when request ->> 'workspaceId' ~ _uuid_pattern then (request ->> 'workspaceId')::uuid end;
  _event_key constant text := request ->> 'eventKey';
  _note constant text := request ->> 'note';
  _amount constant bigint := case
    when _op = 'void' then 0
    when request ->> 'amount' ~ '^[0-9]{1,16}$' then (request ->> 'amount')::bigint
  end;
  _key constant text := coalesce(request ->> 'idempotencyKey', gen_random_uuid()::text);
  _metric text;
  _event usage.ledger;
  _event_at timestamptz;
  _event_answer jsonb;
  _claim usage.gate_claim;
  _counter usage.gate_counter;
  _member usage.gate_counter;
  _before bigint;
  _delta bigint;
  _reason text;
  _answer jsonb;
begin
  if _op is null or _op not in ('amend', 'void') or _workspace_id is null or _amount is null
    or (_op = 'amend' and _amount not between 1 and _max_amount)
    or (_op = 'void' and request ->> 'amount' is not null)
    or coalesce(char_length(_event_key), 0) not between 1 and 255
    or coalesce(char_length(btrim(_note)), 0) not between 1 and 500
    or char_length(_key) not between 1 and 255
    or _key = _event_key
  then
    _reason := 'invalid-input';
  elsif not exists (select from public.workspaces where workspaces.id = _workspace_id) then
    _reason := 'workspace-forbidden';
  end if;

  if _reason is null then
    select *
    into _event
    from usage.ledger
    where ledger.workspace_id = _workspace_id
      and ledger.idempotency_key = _event_key
      and ledger.op in ('consume', 'commit')
      and ledger.allowed
      and ledger.created_at >= now() - interval '34 days';
    _event_at := coalesce(_event.occurred_at, _event.created_at);
    _metric := coalesce(_event.metric, request ->> 'metric');
    -- The request has to name the metric of an event with several items: they are corrected one by one.
    _event_answer := case
      when _event.metric is not null then _event.answer
      else (
        select item.value
        from jsonb_array_elements(_event.answer -> 'items') as item (value)
        where item.value ->> 'metric' = _metric
      )
    end;
    _before := (_event_answer ->> 'granted')::bigint;
    _reason := case
      when _before is null or (request ->> 'metric') <> _metric then 'event-not-found'
      when not exists (select from usage.metrics where key = _metric and feed = 'gate') then 'row-metered'
      when not exists (select from usage.metrics where key = _metric and kind = 'counter') then 'invalid-input'
    end;
  end if;

  if _reason is null then
    _claim := usage.claim_correction(
      _workspace_id, _key, _op, _metric, _amount,
      sha256(convert_to(concat_ws(chr(31), _op, _event_key, _metric, _amount, _note), 'UTF8')),
      _event_key, _note
    );
    if _claim.answer is not null then
      return _claim.answer;
    elsif _claim.is_conflict then
      _reason := 'idempotency-conflict';
    end if;
  end if;

  if _reason is null then
    _counter := usage.open_past_counter(_workspace_id, _metric, _event_at);
    if _counter.used is not null then
      -- The answer of the event names the member it counted for. It has none where members were not counted then.
      _member := usage.open_past_member(_counter, (_event_answer #>> '{member,memberId}')::uuid, _event_at);
    end if;
    -- Read under the counter's lock, which every correction of the event takes.
    select
      (_before + coalesce(sum(earlier.delta), 0))::bigint,
      case when bool_or(earlier.op = 'void') then 'event-voided' end
    into _before, _reason
    from usage.ledger as earlier
    where earlier.workspace_id = _workspace_id
      and earlier.corrects = _event_key
      and earlier.metric = _metric
      and earlier.allowed;
    _delta := _amount - _before;
    _reason := case
      when _counter.used is null then 'period-closed'
      when _reason is not null then _reason
      when _delta > 0 and (_delta > _counter.free or _delta > _member.free) then 'usage-limit-exceeded'
      -- An unlimited counter must not overflow bigint.
      when _delta > 9000000000000000000 - _counter.used - _counter.reserved then 'invalid-input'
    end;
    if _reason is null then
      perform usage.add_to_past(_counter, _delta);
      perform usage.add_to_past_member(_member, _delta);
      _counter.used := _counter.used + _delta;
    end if;
  end if;

  _answer := jsonb_build_object(
    'allowed', _reason is null,
    'reason', _reason,
    'metric', _metric,
    'eventKey', _event_key,
    'correctionKey', case when _claim.is_owner then _key end,
    'amountBefore', _before,
    'amount', case when _reason is null then _amount else _before end,
    'used', _counter.used,
    'limit', _counter.limit_value,
    'remaining', greatest(_counter.limit_value - _counter.used - _counter.reserved, case when _counter.limit_value is not null then 0 end),
    'periodStart', to_char(_counter.period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  );
  if _claim.is_owner then
    update usage.ledger
    set allowed = _reason is null,
      answer = _answer,
      delta = case when _reason is null then _delta end
    where workspace_id = _workspace_id
      and idempotency_key = _key;
  end if;
  return _answer;
end
$$;

comment on function usage.correct(jsonb) is 'Amends or voids a use that was recorded under an idempotency key: {op: amend|void, workspaceId, eventKey, metric, amount, note, idempotencyKey}. The row of the event in usage.ledger stays; the correction is a row of its own that points at it. Returns {allowed, reason, metric, eventKey, correctionKey, amountBefore, amount, used, limit, remaining, periodStart}. A denial is an answer. It trusts workspaceId: the actions amendUsage and voidUsage have checked it.';

revoke execute on function usage.correct(jsonb) from public;
