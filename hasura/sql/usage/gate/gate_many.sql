create or replace function usage.gate_many(requests jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The planner expects arrays and tables of any size. For the few rows of a call, nested loops over indexes are fastest.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set enable_seqscan = off
-- A switched-off plan without an alternative is priced so high that PostgreSQL would compile the query: 45 times slower.
set jit = off
as $$
declare
  _lines usage.gate_line[];
  _line usage.gate_line;
  _claims usage.gate_claim[] := '{}'::usage.gate_claim[];
  _claim usage.gate_claim;
  _next_claim integer := 1;
  _counters usage.gate_counter[];
  _reservations usage.reservations[];
  _reservation usage.reservations;
  _index jsonb;
  _request_no integer := 0;
  _first integer := 1;
  _last integer;
  _total integer;
  _is_refused boolean;
  _answer jsonb;
  _item_answers jsonb[];
  _answers jsonb[] := '{}'::jsonb[];
begin
  if requests is null or jsonb_typeof(requests) <> 'array' then
    raise exception using
      errcode = '22023',
      message = 'usage.gate_many takes an array of requests';
  end if;
  if jsonb_path_exists(requests, '$[*].occurredAt ? (@ != null)') then
    return usage.gate_dated(requests);
  end if;

  -- Parse: one line for each metric of each request.
  _lines := usage.gate_parse(requests);
  _total := cardinality(_lines);
  if _total = 0 then
    return '[]'::jsonb;
  end if;

  -- Claim the idempotency keys, and find the requests that are answered already.
  if exists (select from unnest(_lines) as line where line.key is not null) then
    _claims := usage.gate_claim_keys(_lines);
  end if;
  foreach _claim in array _claims loop
    _answers[_claim.request_no] := _claim.answer;
  end loop;

  -- Lock: counters behind keys, reservations behind counters.
  _counters := usage.gate_open_counters(array(
    select line
    from unnest(_lines) as line
    where line.reason is null
      and _answers[line.request_no] is null
  ));
  _reservations := usage.gate_lock_reservations(_lines);
  _index := usage.gate_index(_counters, _reservations);

  -- Decide in the order of the requests: each finds what those before it have left.
  while _first <= _total loop
    _request_no := _request_no + 1;
    _last := _first;
    while _last < _total and _lines[_last + 1].request_no = _request_no loop
      _last := _last + 1;
    end loop;

    _claim := null;
    if _claims[_next_claim].request_no = _request_no then
      _claim := _claims[_next_claim];
      _next_claim := _next_claim + 1;
      if _claim.answer is null and not _claim.is_conflict then
        -- The key may have got its answer earlier in this array.
        _answers[_request_no] := _answers[_claim.first_request_no];
      end if;
    end if;
    if _answers[_request_no] is not null then
      _first := _last + 1;
      continue;
    end if;

    -- Decide every line before changing anything: a request with items is allowed whole or not at all.
    _is_refused := false;
    for _no in _first.._last loop
      _line := _lines[_no];
      if _line.reason is null and _claim.is_conflict then
        _line.reason := 'idempotency-conflict';
      elsif _line.reason is null then
        _line.counter_no := (_index ->> (_line.workspace_id || ' ' || _line.metric))::integer;
        if _line.op in ('check', 'consume', 'reserve') then
          _line := usage.gate_admit(_line, _counters[_line.counter_no]);
        else
          _line.reservation_no := (_index ->> _line.reservation_id::text)::integer;
          _line := usage.gate_settle(_line, _counters[_line.counter_no], _reservations[_line.reservation_no]);
        end if;
        if _line.member_id is not null then
          _line.member_counter_no := (_index ->> concat_ws(' ', _line.workspace_id, _line.metric, _line.member_id))::integer;
          if _line.member_counter_no is not null and _line.reason is null and _line.first_answer is null then
            _line := usage.gate_admit_member(_line, _counters[_line.member_counter_no], _reservations[_line.reservation_no]);
          end if;
        end if;
      end if;
      _is_refused := _is_refused or _line.reason is not null;
      _lines[_no] := _line;
    end loop;

    -- Apply what is allowed to the counters and reservations in memory, and answer with the figures after it.
    _item_answers := '{}'::jsonb[];
    for _no in _first.._last loop
      _line := _lines[_no];
      _answer := _line.first_answer;
      if _answer is null then
        _reservation := _reservations[_line.reservation_no];
        if not _is_refused and _line.op <> 'check' then
          if _line.op = 'reserve' then
            _line.reservation_id := gen_random_uuid();
            _line.expires_at := clock_timestamp() + make_interval(secs => _line.ttl);
            _lines[_no] := _line;
          elsif _line.op = 'extend' then
            _reservation.expires_at := _line.expires_at;
          elsif _line.op in ('commit', 'release') then
            _reservation.status := case _line.op when 'commit' then 'committed' else 'released' end;
            _reservation.committed_amount := _line.granted;
          end if;
          _counters[_line.counter_no] := usage.gate_apply(_line, _counters[_line.counter_no], _reservation);
          if _line.member_counter_no is not null then
            _counters[_line.member_counter_no] := usage.gate_apply(_line, _counters[_line.member_counter_no], _reservation);
          end if;
        end if;

        _answer := usage.gate_answer(_line, _counters[_line.counter_no], _reservation);
        if _line.member_counter_no is not null then
          _answer := _answer || usage.gate_member_answer(_line, _counters[_line.member_counter_no]);
        end if;

        if _line.reservation_no is not null and not _is_refused then
          if _line.op <> 'extend' then
            _reservation.answer := _answer;
          end if;
          _reservations[_line.reservation_no] := _reservation;
        end if;
      end if;
      _item_answers := _item_answers || _answer;
    end loop;
    _answers[_request_no] := case
      when _lines[_first].item_no is null then _item_answers[1]
      else usage.gate_list_answer(_item_answers)
    end;
    _first := _last + 1;
  end loop;

  perform usage.gate_store(_lines, _counters, _reservations, _claims, _answers);
  return to_jsonb(_answers);
end
$$;

comment on function usage.gate_many(jsonb) is 'Decides an array of requests {op: check|consume|reserve|commit|release|extend, workspaceId, metric, amount, partial, items, idempotencyKey, ttlSeconds, reservationId, memberId, occurredAt} and counts what it allows, in one atomic step. Returns one decision for each, in the same order. A denial is an answer; 22023 is raised where requests is not an array. It trusts workspaceId and memberId: the caller has checked them.';

revoke execute on function usage.gate_many(jsonb) from public;
