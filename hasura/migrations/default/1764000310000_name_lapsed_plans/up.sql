create function usage.not_included_reason(p_workspace_id uuid, p_metric text) returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case when live.id is null and bound.plan_id is not null then 'plan-required' else 'feature-not-in-plan' end
  from (select 1) as one
  left join lateral (
    select subscription.id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.status in ('trialing', 'active', 'past_due', 'cancelled')
      and subscription.starts_at <= now()
      and (subscription.ends_at is null or subscription.ends_at > now())
    limit 1
  ) as live on true
  left join lateral (
    select subscription.plan_id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.starts_at <= now()
    order by subscription.starts_at desc, subscription.created_at desc
    limit 1
  ) as lapsed on true
  left join billing.plan_limits as bound
    on bound.plan_id = lapsed.plan_id
    and bound.metric = p_metric
$$;

comment on function usage.not_included_reason(uuid, text) is
  'Why a metric is not included: plan-required when the last subscription would include it and is paused, cancelled or over; else feature-not-in-plan.';

revoke execute on function usage.not_included_reason(uuid, text) from public;

-- Both functions are long and this is one branch of each, so their text is changed in place; text that is not
-- there any more ends the migration instead of leaving the branch out.
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
          $from$v_reason := 'feature-not-in-plan';$from$,
          $to$v_reason := usage.not_included_reason(g_workspace[g], g_metric[g]);$to$
        ),
        (
          2,
          'usage.gate_many(jsonb)',
          $from$        when 'row-metered' then format($from$,
          $to$        when 'plan-required' then format(
          '%s is not included without a live subscription: limit of 0, %s used, %s more asked',
          g_metric[g], g_used[g], v_amount
        )
        when 'row-metered' then format($to$
        ),
        (
          3,
          'usage.gate_many(jsonb)',
          $from$when v_reason in ('usage-limit-exceeded', 'feature-not-in-plan')$from$,
          $to$when v_reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required')$to$
        ),
        (
          4,
          'usage.add(uuid, text, bigint, boolean)',
          $from$else 'feature-not-in-plan' end,$from$,
          $to$else usage.not_included_reason(_workspace, _metric) end,$to$
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
