create or replace function usage.gate_many(requests jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set enable_seqscan = off
as $$
declare
  v_lines usage.gate_line[];
  v_line usage.gate_line;
  v_claims usage.gate_claim[] := '{}';
  v_claim usage.gate_claim;
  v_next_claim integer := 1;
  v_counters usage.gate_counter[];
  v_counter usage.gate_counter;
  v_reservations usage.reservations[];
  v_reservation usage.reservations;
  v_places jsonb;
  v_answers jsonb[] := '{}';
  v_parts jsonb[];
  v_first integer := 1;
  v_last integer;
  v_total integer;
  v_n integer := 0;
  v_is_refused boolean;
  i integer;
begin
  if requests is null or jsonb_typeof(requests) <> 'array' then
    raise exception using
      errcode = '22023',
      message = 'usage.gate_many takes an array of requests';
  end if;
  if jsonb_path_exists(requests, '$[*].occurredAt ? (@ != null)') then
    return usage.gate_dated(requests);
  end if;
  v_lines := usage.gate_parse(requests);
  v_total := cardinality(v_lines);
  if v_total = 0 then
    return '[]';
  end if;

  if exists (select from unnest(v_lines) as line where line.key is not null) then
    v_claims := usage.gate_claim_keys(v_lines);
  end if;
  foreach v_claim in array v_claims loop
    v_answers[v_claim.n] := v_claim.answer;
  end loop;

  v_counters := usage.gate_open_counters(array(
    select line
    from unnest(v_lines) as line
    where line.reason is null
      and v_answers[line.n] is null
  ));
  -- Behind the counter's lock, which whoever settles the same reservation holds before.
  v_reservations := array(
    select reservations
    from usage.reservations
    where reservations.id in (
      select line.reservation_id
      from unnest(v_lines) as line
      where line.reason is null
        and line.reservation_id is not null
    )
    order by reservations.id
    for update
  );
  select jsonb_object_agg(place.key, place.n)
  into v_places
  from (
    select concat_ws(' ', counter.workspace_id, counter.metric, counter.member_id) as key, counter.n
    from unnest(v_counters) with ordinality as counter (
      workspace_id, metric, kind, period_start, period_end, limit_value, included, enforcement, source, used, held, free,
      delta, member_id, n
    )
    union all
    select held.id::text, held.n
    from unnest(array(select one.id from unnest(v_reservations) as one)) with ordinality as held (id, n)
  ) as place;

  while v_first <= v_total loop
    v_n := v_n + 1;
    v_last := v_first;
    while v_last < v_total and v_lines[v_last + 1].n = v_n loop
      v_last := v_last + 1;
    end loop;

    v_claim := null;
    if v_claims[v_next_claim].n = v_n then
      v_claim := v_claims[v_next_claim];
      v_next_claim := v_next_claim + 1;
      if v_claim.first < v_n and v_answers[v_n] is null and not v_claim.is_conflict then
        if v_claim.hash = (
          select claim.hash
          from unnest(v_claims) as claim
          where claim.n = v_claim.first
        ) then
          v_answers[v_n] := v_answers[v_claim.first];
        else
          v_claim.is_conflict := true;
        end if;
      end if;
    end if;
    if v_answers[v_n] is not null then
      for i in v_first .. v_last loop
        v_lines[i].reason := 'repeated';
      end loop;
      v_first := v_last + 1;
      continue;
    end if;

    -- First every line is decided and nothing changed, so that a list is taken whole or not at all.
    v_is_refused := false;
    for i in v_first .. v_last loop
      v_line := v_lines[i];
      if v_line.reason is null and v_claim.is_conflict then
        v_line.reason := 'idempotency-conflict';
      elsif v_line.reason is null then
        v_line.counter := v_places -> (v_line.workspace_id || ' ' || v_line.metric);
        if v_line.op in ('check', 'consume', 'reserve') then
          v_line := usage.gate_admit(v_line, v_counters[v_line.counter]);
        else
          v_line.reservation := v_places -> v_line.reservation_id::text;
          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
        if v_line.member_id is not null then
          v_line.member_counter := v_places -> concat_ws(' ', v_line.workspace_id, v_line.metric, v_line.member_id);
          if v_line.member_counter is not null and v_line.reason is null and v_line.replayed is null then
            v_line := usage.gate_admit_member(v_line, v_counters[v_line.member_counter], v_reservations[v_line.reservation]);
          end if;
        end if;
      end if;
      v_is_refused := v_is_refused or v_line.reason is not null;
      v_lines[i] := v_line;
    end loop;

    v_parts := '{}';
    for i in v_first .. v_last loop
      v_line := v_lines[i];
      v_counter := v_counters[v_line.counter];
      v_reservation := v_reservations[v_line.reservation];
      if not v_is_refused and v_line.replayed is null and v_line.op <> 'check' then
        if v_line.op = 'reserve' then
          v_line.reservation_id := gen_random_uuid();
          v_line.expires_at := clock_timestamp() + make_interval(secs => v_line.ttl);
        end if;
        v_counter := usage.gate_apply(v_line, v_counter, v_reservation);
        v_counters[v_line.counter] := v_counter;
        if v_line.member_counter is not null then
          v_counters[v_line.member_counter] := usage.gate_apply(v_line, v_counters[v_line.member_counter], v_reservation);
        end if;
        v_lines[i] := v_line;
        if v_line.op = 'extend' then
          v_reservation.expires_at := v_line.expires_at;
        elsif v_line.reservation is not null then
          v_reservation.status := case v_line.op when 'commit' then 'committed' else 'released' end;
          v_reservation.committed_amount := v_line.granted;
        end if;
      end if;
      v_parts := v_parts || coalesce(
        v_line.replayed,
        case
          when v_line.member_counter is null then usage.gate_answer(v_line, v_counter, v_reservation)
          else usage.gate_answer(v_line, v_counter, v_reservation)
            || usage.gate_member_answer(v_line, v_counters[v_line.member_counter])
        end
      );
      if v_line.reservation is not null and not v_is_refused and v_line.replayed is null then
        if v_line.op <> 'extend' then
          v_reservation.answer := v_parts[1];
        end if;
        v_reservations[v_line.reservation] := v_reservation;
      end if;
    end loop;
    v_answers[v_n] := case when v_lines[v_first].item is null then v_parts[1] else usage.gate_list_answer(v_parts) end;
    v_first := v_last + 1;
  end loop;

  perform usage.gate_store(v_lines, v_counters, v_reservations, v_claims, v_answers);
  return to_jsonb(v_answers);
end
$$;

comment on function usage.gate_many(jsonb) is 'Decides an array of requests {op: check|consume|reserve|commit|release|extend, workspaceId, metric, amount, partial, items, idempotencyKey, ttlSeconds, reservationId} and counts what it allows, in one atomic step; answers in the same order. A denial is an answer.';

revoke execute on function usage.gate_many(jsonb) from public;
