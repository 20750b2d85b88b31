create or replace function usage.gate_dated(p_requests jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- Clocks of senders run ahead.
  c_ahead constant interval := '5 minutes';
  v_request jsonb;
  v_at timestamptz;
  v_start timestamptz;
  v_present jsonb := '[]';
  v_places integer[] := '{}';
  v_late integer[] := '{}';
  v_answers jsonb[];
  v_answered jsonb;
  n integer;
begin
  for n in 1..jsonb_array_length(p_requests) loop
    v_request := p_requests -> (n - 1);
    v_answers[n] := null;
    if v_request ->> 'occurredAt' is not null then
      v_at := usage.read_moment(v_request ->> 'occurredAt');
      if v_at is null or v_at > now() + c_ahead then
        v_request := v_request || '{"op": null}';
      elsif v_request ->> 'workspaceId' ~ c_uuid then
        select present.period_start
        into v_start
        from usage.period((v_request ->> 'workspaceId')::uuid) as present;
        if v_at < v_start then
          v_late := v_late || n;
          continue;
        end if;
      end if;
      v_request := v_request - 'occurredAt';
    end if;
    v_present := v_present || jsonb_build_array(v_request);
    v_places := v_places || n;
  end loop;

  v_answered := usage.gate_many(v_present);
  for n in 1..cardinality(v_places) loop
    v_answers[v_places[n]] := v_answered -> (n - 1);
  end loop;
  foreach n in array v_late loop
    v_request := p_requests -> (n - 1);
    v_answers[n] := usage.gate_late(v_request, usage.read_moment(v_request ->> 'occurredAt'));
  end loop;
  return to_jsonb(v_answers);
end
$$;

comment on function usage.gate_dated(jsonb) is 'Answers an array in which requests say when they happened: those of the present period as ever, those before it in theirs.';

revoke execute on function usage.gate_dated(jsonb) from public;
