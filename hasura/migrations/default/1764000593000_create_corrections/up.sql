alter table usage.metrics
  add column late_hours integer not null default 72,
  add constraint metrics_late_hours_range check (late_hours between 0 and 744);

comment on column usage.metrics.late_hours is
  'How long after its end a period still takes late events and corrections. After that it is closed.';

alter table usage.ledger
  drop constraint ledger_op_known;

alter table usage.ledger
  add constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release', 'extend', 'amend', 'void')),
  add column occurred_at timestamptz,
  add column corrects text,
  add column delta bigint,
  add column note text,
  add constraint ledger_correction_whole check (
    (op in ('amend', 'void')) = (corrects is not null)
    and (corrects is null) = (note is null)
  );

comment on column usage.ledger.occurred_at is 'When a late event happened; null for what was decided when it happened.';
comment on column usage.ledger.corrects is 'The idempotency key of the event that a correction is about; the event''s own row stays as it was.';
comment on column usage.ledger.delta is 'What an accepted correction added to the counter, mostly less than nothing.';
comment on column usage.ledger.note is 'Why it was corrected.';

create index ledger_corrects_idx on usage.ledger (workspace_id, corrects)
where corrects is not null;

create view usage.counter_recounts as
select
  added.workspace_id,
  added.metric,
  added.period_start,
  sum(added.amount)::bigint as amount
from (
  select tallied.workspace_id, tallied.metric, tallied.period_start, tallied.amount
  from usage.counter_tallies as tallied
  union all
  select entered.workspace_id, entered.metric, entered.period_start, entered.amount
  from usage.counter_entries as entered
) as added
-- Servers below 16 print a view over one relation in another way; the committed description must be the same on all.
cross join (values (1)) as once (one)
group by added.workspace_id, added.metric, added.period_start;

comment on view usage.counter_recounts is
  'What was added to each counter, addition by addition, with a key or without: a counter that differs has drifted.';

create function usage.recount(p_workspace_id uuid, p_metric text, p_period_start timestamptz) returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select recount.amount
      from usage.counter_recounts as recount
      where recount.workspace_id = p_workspace_id
        and recount.metric = p_metric
        and recount.period_start = p_period_start
    ),
    0
  );
end
$$;

comment on function usage.recount(uuid, text, timestamptz) is
  'The use of a counter in one period, added up anew from what was recorded of it.';

do $do$
declare
  definition text := pg_get_functiondef('usage.reconcile(uuid, boolean)'::regprocedure);
  old_text constant text := $text$      select r.workspace_id, r.metric, r.period_start, sum(r.amount)::bigint
      from (
        select t.workspace_id, t.metric, t.period_start, t.amount
        from usage.counter_tallies t
        where $1 is null or t.workspace_id = $1
        union all
        select e.workspace_id, e.metric, e.period_start, e.amount
        from usage.counter_entries e
        where $1 is null or e.workspace_id = $1
      ) r
      group by r.workspace_id, r.metric, r.period_start
$text$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.reconcile does not hold %', old_text;
  end if;
  execute replace(definition, old_text, $text$      select r.workspace_id, r.metric, r.period_start, r.amount
      from usage.counter_recounts r
      where $1 is null or r.workspace_id = $1
$text$);
end
$do$;

-- One moment of one counter, locked, as the gate sees a present one.
create function usage.open_past_counter(
  p_workspace_id uuid,
  p_metric text,
  p_at timestamptz,
  out counter usage.gate_counter,
  out is_closed boolean,
  out is_present boolean
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The workspace before its counters, as its deletion takes them.
  perform 1
  from public.workspaces
  where workspaces.id = p_workspace_id
  for key share;

  select
    past.period_start,
    past.period_end,
    now() >= past.period_end + make_interval(hours => metrics.late_hours),
    now() < past.period_end
  into counter.period_start, counter.period_end, is_closed, is_present
  from usage.metrics
  cross join lateral usage.period(p_workspace_id, p_at) as past
  where metrics.key = p_metric;

  counter.workspace_id := p_workspace_id;
  counter.metric := p_metric;
  counter.kind := 'counter';
  counter.delta := 0;
  if is_closed then
    return;
  end if;
  counter.used := usage.lock_counter(p_workspace_id, p_metric, counter.period_start);
  -- What is held is held from the present period; a past one is charged with what happened in it.
  counter.held := case when is_present then usage.held(p_workspace_id, p_metric) else 0 end;

  select
    bound.limit_value,
    bound.included,
    bound.enforcement,
    bound.source,
    bound.cap_value - counter.used - counter.held
  into counter.limit_value, counter.included, counter.enforcement, counter.source, counter.free
  from billing.limit_of(p_workspace_id, p_metric, case when is_present then now() else p_at end) as bound;
end
$$;

comment on function usage.open_past_counter(uuid, text, timestamptz) is
  'Locks and reads the counter of the period of a moment, with the limit of that moment. A closed period is not locked.';

create function usage.add_to_past(p_counter usage.gate_counter, p_is_present boolean, p_delta bigint) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_delta = 0 then
    return;
  end if;
  if p_is_present and p_delta > 0 then
    perform usage.take(p_counter.workspace_id, p_counter.metric, p_delta, false);
    return;
  end if;
  -- Its marks of alerts are looked for anew with the next addition.
  update usage.counters
  set used = used + p_delta,
    alert_due = '-infinity',
    updated_at = now()
  where workspace_id = p_counter.workspace_id
    and metric = p_counter.metric
    and period_start = p_counter.period_start;
  insert into usage.counter_entries (workspace_id, metric, period_start, amount)
  values (p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_delta);
  -- An alert tells of the period that runs; nobody can act on one that is over.
  if p_is_present then
    perform usage.note_level(p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_counter.used + p_delta);
  end if;
end
$$;

comment on function usage.add_to_past(usage.gate_counter, boolean, bigint) is
  'Adds to the counter that usage.open_past_counter has locked; what falls is noted as a recovery.';

create function usage.read_moment(p_text text) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$' then
    return null;
  end if;
  return p_text::timestamptz;
exception when data_exception then
  return null;
end
$$;

comment on function usage.read_moment(text) is 'A moment in ISO 8601 with its offset; null for anything else.';

create function usage.gate_late(p_request jsonb, p_at timestamptz) returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_claim usage.gate_claim;
  v_counter usage.gate_counter;
  v_past record;
  v_answer jsonb;
begin
  -- The moment is no part of the content: who repeats a request may stamp it anew.
  v_line := (usage.gate_parse(jsonb_build_array(p_request - 'occurredAt')))[1];
  if v_line.reason is null and (v_line.op <> 'consume' or v_line.item is not null or v_line.member_id is not null) then
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
    if v_line.reason is null then
      perform usage.add_to_past(v_counter, v_past.is_present, v_line.granted);
      v_counter.used := v_counter.used + v_line.granted;
    end if;
    -- Neither waiting nor another plan makes room in a period that is over.
    v_answer := usage.gate_answer(v_line, v_counter, null)
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

comment on function usage.gate_late(jsonb, timestamptz) is
  'Decides a use of a period that is over by the limit of its moment, as long as the period is open.';

create function usage.gate_dated(p_requests jsonb) returns jsonb
language plpgsql
volatile
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

comment on function usage.gate_dated(jsonb) is
  'Answers an array in which requests say when they happened: those of the present period as ever, those before it in theirs.';

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
          'usage.gate_many(jsonb)',
          $from$  v_lines := usage.gate_parse(requests);
$from$,
          $to$  if jsonb_path_exists(requests, '$[*].occurredAt ? (@ != null)') then
    return usage.gate_dated(requests);
  end if;
  v_lines := usage.gate_parse(requests);
$to$
        ),
        (
          2,
          'usage.gate_claim_keys(usage.gate_line[])',
          $from$    allowed = null,
$from$,
          $to$    occurred_at = null,
    corrects = null,
    delta = null,
    note = null,
    allowed = null,
$to$
        ),
        (
          3,
          'usage.gate_message(usage.gate_line, usage.gate_counter)',
          $from$  select case p_line.reason
$from$,
          $to$  select case p_line.reason
    when 'period-closed' then 'the period of this moment is closed: it takes nothing any more'
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

create function usage.correct(request jsonb) returns jsonb
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
    v_before := case
      when v_event.metric is not null then (v_event.answer ->> 'granted')::bigint
      else (
        select (part.value ->> 'granted')::bigint
        from jsonb_array_elements(v_event.answer -> 'items') as part (value)
        where part.value ->> 'metric' = v_metric
      )
    end;
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
      when v_delta > 0 and v_delta > v_counter.free then 'usage-limit-exceeded'
      when v_delta > 9000000000000000000 - v_counter.used - v_counter.held then 'invalid-input'
    end;
    if v_reason is null then
      perform usage.add_to_past(v_counter, v_past.is_present, v_delta);
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

comment on function usage.correct(jsonb) is
  'Amends or voids a recorded use: {op: amend|void, workspaceId, eventKey, metric, amount, note, idempotencyKey}. The event''s row stays; the correction is a row of its own that points at it. A refusal is an answer.';

revoke execute on function usage.recount(uuid, text, timestamptz) from public;
revoke execute on function usage.open_past_counter(uuid, text, timestamptz) from public;
revoke execute on function usage.add_to_past(usage.gate_counter, boolean, bigint) from public;
revoke execute on function usage.read_moment(text) from public;
revoke execute on function usage.gate_late(jsonb, timestamptz) from public;
revoke execute on function usage.gate_dated(jsonb) from public;
revoke execute on function usage.correct(jsonb) from public;
