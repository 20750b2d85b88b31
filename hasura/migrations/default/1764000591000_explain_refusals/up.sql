create function usage.add_on_for(p_workspace_id uuid, p_metric text, p_needed bigint) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'addOnId', offered.id,
    'name', offered.name,
    'quantity', needed.quantity,
    'priceCents', needed.quantity * offered.price_cents
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound
  join billing.add_ons as offered
    on offered.metric = p_metric
    and offered.is_public
  cross join lateral (
    select ceil((p_needed - bound.cap_value)::numeric / offered.amount)::bigint as quantity
  ) as needed
  -- An override wins over add-ons: more of them would change nothing.
  where bound.source <> 'override'
    and needed.quantity between 1 and 1000000
  order by needed.quantity * offered.price_cents, needed.quantity, offered.id
  limit 1
$$;

comment on function usage.add_on_for(uuid, text, bigint) is
  'The cheapest add-on on the price list, so many of it as allow a total of a metric on the present plan; null when none does.';

revoke execute on function usage.add_on_for(uuid, text, bigint) from public;

create or replace function usage.upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (
      bound.limit_value is null
      or bound.limit_value + coalesce(
        (
          -- What stays on whatever plan there is.
          select sum(bought.unit_amount::numeric * bought.quantity)
          from billing.subscription_add_ons as bought
          where bought.workspace_id = p_workspace_id
            and bought.metric = p_metric
            and bought.subscription_id is null
            and bought.starts_at <= now()
            and (bought.ends_at is null or bought.ends_at > now())
        ),
        0
      ) >= p_needed
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.upgrade_for(uuid, text, bigint) is
  'The cheapest higher plan on the price list that, with the add-ons of the workspace, allows a total of a metric; null when none does.';

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
          $from$    'upgrade', case
$from$,
          $to$    'member', null,
    'addOn', case
      when p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan') and p_line.limited_by is null
        then usage.add_on_for(
          p_counter.workspace_id,
          p_counter.metric,
          least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
        )
    end,
    'upgrade', case
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

create or replace function usage.raise_limit_reached(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_used bigint,
  p_held bigint,
  p_limit bigint,
  p_included boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_counter usage.gate_counter;
begin
  select
    p_workspace_id,
    metrics.key,
    metrics.kind,
    present.period_start,
    present.period_end,
    coalesce(p_limit, 0),
    p_included,
    applying.enforcement,
    applying.source,
    p_used,
    p_held,
    applying.cap_value - p_used - p_held,
    0
  into v_counter
  from usage.metrics
  cross join lateral usage.period(p_workspace_id) as present
  cross join lateral billing.limit_of(p_workspace_id, p_metric) as applying
  where metrics.key = p_metric;
  v_line.op := 'consume';
  v_line.workspace_id := p_workspace_id;
  v_line.metric := p_metric;
  v_line.amount := p_amount;
  v_line.reason := case
    when p_included then 'usage-limit-exceeded'
    else usage.not_included_reason(p_workspace_id, p_metric)
  end;
  raise exception using
    errcode = '23U01',
    message = usage.gate_message(v_line, v_counter),
    detail = (usage.gate_answer(v_line, v_counter, null) || jsonb_build_object('workspaceId', p_workspace_id))::text;
end
$$;

comment on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) is 'The refusal of a limit: SQLSTATE 23U01, in DETAIL the decision that the gate would give';

create or replace function usage.raise_member_limit(
  p_workspace_id uuid,
  p_metric text,
  p_member_id uuid,
  p_amount bigint,
  p_used bigint,
  p_held bigint,
  p_limit bigint
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_counter usage.gate_counter;
  v_member usage.gate_counter;
  v_answer jsonb;
begin
  select
    p_workspace_id,
    level.metric,
    level.kind,
    level.period_start,
    present.period_end,
    level.limit_value,
    level.included,
    level.enforcement,
    level.source,
    -- The workspace has counted the statement that ends here.
    level.used - p_amount,
    level.reserved,
    level.cap_value - level.used + p_amount - level.reserved,
    0
  into v_counter
  from usage.current as level
  cross join lateral usage.period(p_workspace_id) as present
  where level.workspace_id = p_workspace_id
    and level.metric = p_metric;
  v_member := v_counter;
  v_member.limit_value := p_limit;
  v_member.used := p_used;
  v_member.held := p_held;
  v_member.free := p_limit - p_used - p_held;
  v_member.member_id := p_member_id;
  v_line.op := 'consume';
  v_line.workspace_id := p_workspace_id;
  v_line.metric := p_metric;
  v_line.amount := p_amount;
  v_line.reason := 'usage-limit-exceeded';
  v_line.limited_by := 'member-limit';
  v_answer := usage.gate_answer(v_line, v_counter, null) || usage.gate_member_answer(v_line, v_member);
  raise exception using
    errcode = '23U01',
    message = v_answer ->> 'message',
    detail = (v_answer || jsonb_build_object('workspaceId', p_workspace_id))::text;
end
$$;

comment on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) is 'The refusal of a limit of members: SQLSTATE 23U01, in DETAIL the decision that the gate would give';
