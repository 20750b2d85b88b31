do $do$
declare
  change record;
  definition text;
begin
  for change in
    select *
    from (
      values
        (
          1,
          'usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)',
          $from$'limitedBy', case when p_line.reason is not null then coalesce(p_line.limited_by, usage.gate_limited_by(p_line, p_counter)) end$from$,
          $to$'limitedBy', case when p_line.reason is not null then usage.gate_limited_by(p_line, p_counter) end$to$
        ),
        (
          2,
          'usage.gate(text, bigint, text, uuid, uuid, json)',
          $from$    'reservationId', gate.reservation_id,
    -- As the actions take it; whoever is no uuid has no row that counts for them either.
    'memberId', case
      when hasura_session ->> 'x-hasura-user-id' ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
        then hasura_session ->> 'x-hasura-user-id'
    end
$from$,
          $to$    'reservationId', gate.reservation_id
$to$
        ),
        (
          3,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$    if v_counter.delta > 0 and v_counter.member_id is not null then
      perform usage.take_members(
        array[v_counter.workspace_id], array[v_counter.metric], array[v_counter.member_id], array[v_counter.delta], false
      );
    elsif v_counter.delta > 0 then
$from$,
          $to$    if v_counter.delta > 0 then
$to$
        ),
        (
          4,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$    p_counters[line.counter].period_start, line.member_id
$from$,
          $to$    p_counters[line.counter].period_start
$to$
        ),
        (
          5,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$amount, status, expires_at, period_start, member_id)
$from$,
          $to$amount, status, expires_at, period_start)
$to$
        ),
        (
          6,
          'usage.gate_many(jsonb)',
          $from$      v_parts := v_parts || coalesce(
        v_line.replayed,
        case
          when v_line.member_counter is null then usage.gate_answer(v_line, v_counter, v_reservation)
          else usage.gate_answer(v_line, v_counter, v_reservation)
            || usage.gate_member_answer(v_line, v_counters[v_line.member_counter])
        end
      );
$from$,
          $to$      v_parts := v_parts || coalesce(v_line.replayed, usage.gate_answer(v_line, v_counter, v_reservation));
$to$
        ),
        (
          7,
          'usage.gate_many(jsonb)',
          $from$        v_counters[v_line.counter] := v_counter;
        if v_line.member_counter is not null then
          v_counters[v_line.member_counter] := usage.gate_apply(v_line, v_counters[v_line.member_counter], v_reservation);
        end if;
$from$,
          $to$        v_counters[v_line.counter] := v_counter;
$to$
        ),
        (
          8,
          'usage.gate_many(jsonb)',
          $from$          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
        if v_line.member_id is not null then
          v_line.member_counter := v_places -> concat_ws(' ', v_line.workspace_id, v_line.metric, v_line.member_id);
          if v_line.member_counter is not null and v_line.reason is null and v_line.replayed is null then
            v_line := usage.gate_admit_member(v_line, v_counters[v_line.member_counter], v_reservations[v_line.reservation]);
          end if;
        end if;
$from$,
          $to$          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
$to$
        ),
        (
          9,
          'usage.gate_many(jsonb)',
          $from$      delta, member_id, n
    )
$from$,
          $to$      delta, n
    )
$to$
        ),
        (
          10,
          'usage.gate_many(jsonb)',
          $from$    select concat_ws(' ', counter.workspace_id, counter.metric, counter.member_id) as key, counter.n
$from$,
          $to$    select counter.workspace_id || ' ' || counter.metric as key, counter.n
$to$
        ),
        (
          11,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$  return v_counters || usage.gate_open_members(p_lines);
$from$,
          $to$  return v_counters;
$to$
        ),
        (
          12,
          'usage.gate_parse(jsonb)',
          $from$            or asked.partial not in ('true', 'false')
            or (asked.member_id is not null and parsed.member_id is null)
$from$,
          $to$            or asked.partial not in ('true', 'false')
$to$
        ),
        (
          13,
          'usage.gate_parse(jsonb)',
          $from$        parsed.reservation_id,
        found.member_id,
        case
$from$,
          $to$        parsed.reservation_id,
        case
$to$
        ),
        (
          14,
          'usage.gate_parse(jsonb)',
          $from$              and reservations.lease_holder is null
          )
        end as metric,
        case
          when not parsed.settles then parsed.member_id
          -- The member of a hold is the one that it was given to, whoever ends it.
          else (
            select reservations.member_id
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
          )
        end as member_id
$from$,
          $to$              and reservations.lease_holder is null
          )
        end as metric
$to$
        ),
        (
          15,
          'usage.gate_parse(jsonb)',
          $from$        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
        case when asked.member_id ~ c_uuid then asked.member_id::uuid end as member_id,
$from$,
          $to$        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
$to$
        ),
        (
          16,
          'usage.gate_parse(jsonb)',
          $from$        element.value ->> 'partial' as partial,
        element.value ->> 'memberId' as member_id,
$from$,
          $to$        element.value ->> 'partial' as partial,
$to$
        ),
        (
          17,
          'usage.gate_parse(jsonb)',
          $from$      judged.reason, null, null, null, null, null, null, judged.member_id, null
$from$,
          $to$      judged.reason, null, null, null, null, null, null
$to$
        )
    ) as changes (n, function_name, old_text, new_text)
    order by n
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;
end
$do$;

drop trigger metrics_refuse_leased_members on usage.metrics;
drop trigger member_limits_refuse_leased on billing.member_limits;
drop function billing.refuse_leased_members();
drop function usage.gate_member_answer(usage.gate_line, usage.gate_counter);
drop function usage.member_upgrade_for(uuid, text, bigint);
drop function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations);
drop function usage.gate_open_members(usage.gate_line[]);

alter type usage.gate_counter
  drop attribute member_id;

comment on type usage.gate_counter is
  'A counter under the lock of the call: what it holds after the requests decided so far. free is what may still be given, null without a ceiling; delta is what the call adds.';

alter type usage.gate_line
  drop attribute member_counter,
  drop attribute member_id;

comment on type usage.gate_line is
  'One metric of one request on its way through the gate: what was asked (n is the place of the request, item its place in a list), then what was decided. counter and reservation are places in the arrays beside it.';
