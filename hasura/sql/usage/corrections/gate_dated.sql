create or replace function usage.gate_dated(p_requests jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The clock of a sender may be ahead.
  _max_ahead constant interval := interval '5 minutes';
  _request jsonb;
  _at timestamptz;
  _period_start timestamptz;
  _present jsonb := '[]'::jsonb;
  _present_nos integer[] := '{}'::integer[];
  _late_nos integer[] := '{}'::integer[];
  _late_no integer;
  _present_answers jsonb;
  _answers jsonb[];
begin
  for _no in 1..jsonb_array_length(p_requests) loop
    _request := p_requests -> (_no - 1);
    _answers[_no] := null;
    if _request ->> 'occurredAt' is not null then
      _at := usage.read_moment(_request ->> 'occurredAt');
      if _at is null or _at > now() + _max_ahead then
        -- Without an operation it is refused as invalid-input.
        _request := _request || '{"op": null}';
      elsif _request ->> 'workspaceId' ~ _uuid_pattern then
        select present.period_start
        into _period_start
        from usage.period((_request ->> 'workspaceId')::uuid) as present;
        if _at < _period_start then
          _late_nos := _late_nos || _no;
          continue;
        end if;
      end if;
      _request := _request - 'occurredAt';
    end if;
    _present := _present || jsonb_build_array(_request);
    _present_nos := _present_nos || _no;
  end loop;

  _present_answers := usage.gate_many(_present);
  for _no in 1..cardinality(_present_nos) loop
    _answers[_present_nos[_no]] := _present_answers -> (_no - 1);
  end loop;
  foreach _late_no in array _late_nos loop
    _request := p_requests -> (_late_no - 1);
    _answers[_late_no] := usage.gate_late(_request, usage.read_moment(_request ->> 'occurredAt'));
  end loop;
  return to_jsonb(_answers);
end
$$;

comment on function usage.gate_dated(jsonb) is 'Answers an array of requests of which some have occurredAt. Requests of the present period go through usage.gate_many together, then the earlier ones through usage.gate_late one by one. Answers are in the order of the requests. A step of usage.gate_many.';

revoke execute on function usage.gate_dated(jsonb) from public;
