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
begin
  raise exception using
    errcode = '23U01',
    message = format(
      'limit of %s %s a member reached: %s used, %s%s more asked',
      p_limit, p_metric, p_used, case when p_held > 0 then p_held::text || ' reserved, ' else '' end, p_amount
    ),
    detail = json_build_object(
      'code', 'usage-limit-exceeded',
      'limitedBy', 'member-limit',
      'workspaceId', p_workspace_id,
      'memberId', p_member_id,
      'metric', p_metric,
      'amount', p_amount,
      'used', p_used,
      'reserved', p_held,
      'limit', p_limit,
      'remaining', greatest(p_limit - p_used - p_held, 0)
    )::text;
end
$$;

comment on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) is 'The refusal of a limit of members: SQLSTATE 23U01, the decision as JSON in DETAIL';

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
begin
  raise exception using
    errcode = '23U01',
    message = case
      when not p_included then format(
        '%s is not included in the plan: limit of 0, %s used, %s more asked',
        p_metric, p_used, p_amount
      )
      when p_held > 0 then format(
        'limit of %s %s reached: %s used, %s reserved, %s more asked',
        p_limit, p_metric, p_used, p_held, p_amount
      )
      else format(
        'limit of %s %s reached: %s used, %s more asked',
        p_limit, p_metric, p_used, p_amount
      )
    end,
    detail = json_build_object(
      'code', case when p_included then 'usage-limit-exceeded' else usage.not_included_reason(p_workspace_id, p_metric) end,
      'workspaceId', p_workspace_id,
      'metric', p_metric,
      'amount', p_amount,
      'used', p_used,
      'reserved', p_held,
      'limit', coalesce(p_limit, 0)
    )::text;
end
$$;

comment on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) is 'The refusal of a hard limit: SQLSTATE 23U01, the decision as JSON in DETAIL';

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
          $from$    'member', null,
    'addOn', case
      when p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan') and p_line.limited_by is null
        then usage.add_on_for(
          p_counter.workspace_id,
          p_counter.metric,
          least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
        )
    end,
    'upgrade', case
$from$,
          $to$    'upgrade', case
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
    and (bound.limit_value is null or bound.limit_value >= p_needed)
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.upgrade_for(uuid, text, bigint) is
  'The cheapest higher plan on the price list that allows a total of a metric; null when none does.';

drop function usage.add_on_for(uuid, text, bigint);
