alter type usage.gate_line
  add attribute member_id uuid,
  add attribute member_counter integer;

comment on type usage.gate_line is
  'One metric of one request on its way through the gate: what was asked (n is the place of the request, item its place in a list), then what was decided. counter, member_counter and reservation are places in the arrays beside it.';

alter type usage.gate_counter
  add attribute member_id uuid;

comment on type usage.gate_counter is
  'A counter of a workspace, or of a member, under the lock of the call: what it holds after the requests decided so far. free is what may still be given, null without a ceiling; delta is what the call adds.';

create function usage.gate_open_members(p_lines usage.gate_line[]) returns usage.gate_counter[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_counters usage.gate_counter[] := '{}';
  v_counter usage.gate_counter;
  v_wanted record;
  v_state text;
  v_start timestamptz;
begin
  -- Behind the counters of the workspaces and in key order, as usage.take_members takes them.
  for v_wanted in
    select
      line.workspace_id,
      line.metric,
      line.member_id,
      bool_or(line.op <> 'check') as is_locked
    from unnest(p_lines) as line
    where line.reason is null
      and line.member_id is not null
    group by line.workspace_id, line.metric, line.member_id
    order by line.workspace_id, line.metric, line.member_id
  loop
    if v_wanted.is_locked then
      v_state := usage.begin_members(v_wanted.workspace_id, v_wanted.metric);
    else
      v_state := case
        when exists (
          select
          from usage.member_meters
          where member_meters.workspace_id = v_wanted.workspace_id
            and member_meters.metric = v_wanted.metric
        ) then 'on'
        when exists (
          select
          from billing.member_limit_of(v_wanted.workspace_id, v_wanted.metric)
        ) then 'to begin'
        else 'off'
      end;
    end if;
    continue when v_state = 'off';

    select
      v_wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      applying.limit_value,
      true,
      'hard',
      'member-limit',
      0,
      0,
      null,
      0,
      v_wanted.member_id
    into v_counter
    from usage.metrics
    cross join lateral usage.period(v_wanted.workspace_id) as present
    left join lateral billing.member_limit_of(v_wanted.workspace_id, v_wanted.metric) as applying on true
    where metrics.key = v_wanted.metric;
    v_start := case v_counter.kind when 'gauge' then '-infinity' else v_counter.period_start end;

    if v_wanted.is_locked then
      -- A written row version, as usage.lock_counter leaves one: an older snapshot fails instead of passing the limit.
      insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
      values (v_counter.workspace_id, v_counter.metric, v_start, v_counter.member_id, 0)
      on conflict on constraint member_counters_pkey do update
        set used = c.used
      returning c.used
      into v_counter.used;
    elsif v_state = 'on' then
      v_counter.used := coalesce(
        (
          select c.used
          from usage.member_counters c
          where c.workspace_id = v_counter.workspace_id
            and c.metric = v_counter.metric
            and c.period_start = v_start
            and c.member_id = v_counter.member_id
        ),
        0
      );
    elsif v_counter.kind = 'gauge' then
      v_counter.used := coalesce(
        (
          select r.amount
          from usage.recount_members(v_counter.workspace_id, v_counter.metric) r
          where r.member_id = v_counter.member_id
        ),
        0
      );
    end if;
    v_counter.held := usage.member_held(v_counter.workspace_id, v_counter.metric, v_counter.member_id);
    v_counter.free := v_counter.limit_value - v_counter.used - v_counter.held;
    v_counters := v_counters || v_counter;
  end loop;
  return v_counters;
end
$$;

comment on function usage.gate_open_members(usage.gate_line[]) is
  'Locks and reads the counters of the members that the lines ask for, where their workspace counts them.';

create function usage.gate_admit_member(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
) returns usage.gate_line
language plpgsql
stable
as $$
begin
  case
    when p_line.op in ('check', 'consume', 'reserve') then
      if p_line.granted > p_counter.free then
        if p_line.is_partial and p_counter.free > 0 then
          p_line.granted := p_counter.free;
        else
          p_line.reason := 'usage-limit-exceeded';
        end if;
      end if;
    when p_line.op = 'commit' and p_line.feed = 'gate' then
      -- As for the workspace: a hold that is committed in its own period and for no more has its room already.
      if (p_line.granted > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
        and p_line.granted > p_counter.free + p_reservation.amount
      then
        p_line.reason := 'usage-limit-exceeded';
      end if;
    else
      null;
  end case;
  if p_line.reason is not null then
    p_line.limited_by := 'member-limit';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) is
  'Decides a line that its workspace has room for against the counter of its member; changes nothing.';

create function usage.member_upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  left join billing.member_limits as each_may
    on each_may.plan_id = plan.id
    and each_may.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (bound.limit_value is null or bound.limit_value >= p_needed)
    and (each_may.limit_value is null or each_may.limit_value >= p_needed)
    -- What the workspace itself has set no plan changes.
    and not exists (
      select
      from billing.member_limits as own
      where own.workspace_id = p_workspace_id
        and own.metric = p_metric
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.member_upgrade_for(uuid, text, bigint) is
  'The cheapest higher plan on the price list that allows one member a total of a metric; null when none does.';

create function usage.gate_member_answer(p_line usage.gate_line, p_counter usage.gate_counter) returns jsonb
language plpgsql
volatile
as $$
declare
  v_member constant jsonb := jsonb_build_object(
    'member', jsonb_build_object(
      'memberId', p_counter.member_id,
      'used', p_counter.used,
      'reserved', p_counter.held,
      'limit', p_counter.limit_value,
      'remaining', greatest(p_counter.free, 0)
    )
  );
begin
  if p_line.limited_by is distinct from 'member-limit' then
    return v_member;
  end if;
  return v_member || jsonb_build_object(
    'message', format(
      'limit of %s %s a member reached: %s used, %s%s more asked',
      p_counter.limit_value, p_counter.metric, p_counter.used,
      case when p_counter.held > 0 then p_counter.held::text || ' reserved, ' else '' end, p_line.amount
    ),
    'retryAfterSeconds', case
      when p_counter.kind = 'counter' and p_line.amount <= p_counter.limit_value
        then greatest(ceil(extract(epoch from p_counter.period_end - clock_timestamp())), 1)::integer
    end,
    'upgrade', usage.member_upgrade_for(
      p_counter.workspace_id,
      p_counter.metric,
      least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
    )
  );
end
$$;

comment on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) is
  'What a decision says beside the workspace''s figures where members are counted, and instead where the member''s limit refused.';

-- Units that a process has taken ahead are nobody's yet.
create function billing.refuse_leased_members() returns trigger
language plpgsql
as $$
begin
  if exists (
    select
    from usage.metrics m
    join billing.member_limits l on l.metric = m.key
    where m.leased
  ) then
    raise exception using
      errcode = 'check_violation',
      constraint = 'member_limits_not_leased',
      message = 'a leased metric cannot have limits of members: its units are taken before anybody uses them';
  end if;
  return null;
end
$$;

comment on function billing.refuse_leased_members() is 'Keeps limits of members and leases apart.';

create trigger member_limits_refuse_leased
after insert or update of metric on billing.member_limits
for each statement
execute function billing.refuse_leased_members();

create trigger metrics_refuse_leased_members
after insert or update of leased on usage.metrics
for each statement
execute function billing.refuse_leased_members();

revoke execute on function usage.gate_open_members(usage.gate_line[]) from public;
revoke execute on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) from public;
revoke execute on function usage.member_upgrade_for(uuid, text, bigint) from public;
revoke execute on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) from public;

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
          'usage.gate_parse(jsonb)',
          $from$      judged.reason, null, null, null, null, null, null
$from$,
          $to$      judged.reason, null, null, null, null, null, null, judged.member_id, null
$to$
        ),
        (
          2,
          'usage.gate_parse(jsonb)',
          $from$        element.value ->> 'partial' as partial,
$from$,
          $to$        element.value ->> 'partial' as partial,
        element.value ->> 'memberId' as member_id,
$to$
        ),
        (
          3,
          'usage.gate_parse(jsonb)',
          $from$        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
$from$,
          $to$        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
        case when asked.member_id ~ c_uuid then asked.member_id::uuid end as member_id,
$to$
        ),
        (
          4,
          'usage.gate_parse(jsonb)',
          $from$              and reservations.lease_holder is null
          )
        end as metric
$from$,
          $to$              and reservations.lease_holder is null
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
$to$
        ),
        (
          5,
          'usage.gate_parse(jsonb)',
          $from$        parsed.reservation_id,
        case
$from$,
          $to$        parsed.reservation_id,
        found.member_id,
        case
$to$
        ),
        (
          6,
          'usage.gate_parse(jsonb)',
          $from$            or asked.partial not in ('true', 'false')
$from$,
          $to$            or asked.partial not in ('true', 'false')
            or (asked.member_id is not null and parsed.member_id is null)
$to$
        ),
        (
          7,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$  return v_counters;
$from$,
          $to$  return v_counters || usage.gate_open_members(p_lines);
$to$
        ),
        (
          8,
          'usage.gate_many(jsonb)',
          $from$    select counter.workspace_id || ' ' || counter.metric as key, counter.n
$from$,
          $to$    select concat_ws(' ', counter.workspace_id, counter.metric, counter.member_id) as key, counter.n
$to$
        ),
        (
          9,
          'usage.gate_many(jsonb)',
          $from$      delta, n
    )
$from$,
          $to$      delta, member_id, n
    )
$to$
        ),
        (
          10,
          'usage.gate_many(jsonb)',
          $from$          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
$from$,
          $to$          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
        if v_line.member_id is not null then
          v_line.member_counter := v_places -> concat_ws(' ', v_line.workspace_id, v_line.metric, v_line.member_id);
          if v_line.member_counter is not null and v_line.reason is null and v_line.replayed is null then
            v_line := usage.gate_admit_member(v_line, v_counters[v_line.member_counter], v_reservations[v_line.reservation]);
          end if;
        end if;
$to$
        ),
        (
          11,
          'usage.gate_many(jsonb)',
          $from$        v_counters[v_line.counter] := v_counter;
$from$,
          $to$        v_counters[v_line.counter] := v_counter;
        if v_line.member_counter is not null then
          v_counters[v_line.member_counter] := usage.gate_apply(v_line, v_counters[v_line.member_counter], v_reservation);
        end if;
$to$
        ),
        (
          12,
          'usage.gate_many(jsonb)',
          $from$      v_parts := v_parts || coalesce(v_line.replayed, usage.gate_answer(v_line, v_counter, v_reservation));
$from$,
          $to$      v_parts := v_parts || coalesce(
        v_line.replayed,
        case
          when v_line.member_counter is null then usage.gate_answer(v_line, v_counter, v_reservation)
          else usage.gate_answer(v_line, v_counter, v_reservation)
            || usage.gate_member_answer(v_line, v_counters[v_line.member_counter])
        end
      );
$to$
        ),
        (
          13,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$amount, status, expires_at, period_start)
$from$,
          $to$amount, status, expires_at, period_start, member_id)
$to$
        ),
        (
          14,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$    p_counters[line.counter].period_start
$from$,
          $to$    p_counters[line.counter].period_start, line.member_id
$to$
        ),
        (
          15,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$    if v_counter.delta > 0 then
$from$,
          $to$    if v_counter.delta > 0 and v_counter.member_id is not null then
      perform usage.take_members(
        array[v_counter.workspace_id], array[v_counter.metric], array[v_counter.member_id], array[v_counter.delta], false
      );
    elsif v_counter.delta > 0 then
$to$
        ),
        (
          16,
          'usage.gate(text, bigint, text, uuid, uuid, json)',
          $from$    'reservationId', gate.reservation_id
$from$,
          $to$    'reservationId', gate.reservation_id,
    -- As the actions take it; whoever is no uuid has no row that counts for them either.
    'memberId', case
      when hasura_session ->> 'x-hasura-user-id' ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
        then hasura_session ->> 'x-hasura-user-id'
    end
$to$
        ),
        (
          17,
          'usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)',
          $from$'limitedBy', case when p_line.reason is not null then usage.gate_limited_by(p_line, p_counter) end$from$,
          $to$'limitedBy', case when p_line.reason is not null then coalesce(p_line.limited_by, usage.gate_limited_by(p_line, p_counter)) end$to$
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
