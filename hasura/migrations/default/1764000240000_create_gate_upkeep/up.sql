create function usage.suggest_upgrade(workspace_id uuid) returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with present as (
    select level.*
    from usage.current as level
    where level.workspace_id = $1
  ),
  pressed as (
    select present.metric
    from present
    where present.status <> 'ok'
  ),
  plan as (
    select plans.id, plans.rank
    from billing.plans
    where plans.id = billing.plan_of($1)
  ),
  offer as (
    select candidate.id, candidate.name, candidate.price_cents
    from billing.plans as candidate
    cross join plan
    where candidate.rank > plan.rank
      and exists (
        select
        from pressed
      )
      and not exists (
        select
        from present
        left join billing.plan_limits as bound
          on bound.plan_id = candidate.id
          and bound.metric = present.metric
        where not (
          -- what is short must become more, and everything else must still fit
          case
            when bound.plan_id is null then present.used + present.reserved = 0 and present.status = 'ok'
            when bound.limit_value is null then true
            when present.status = 'ok' then bound.limit_value >= present.used + present.reserved
            else bound.limit_value > present.limit_value and bound.limit_value > present.used + present.reserved
          end
        )
      )
    order by candidate.rank
    limit 1
  )
  select jsonb_build_object(
    'workspaceId', $1,
    'currentPlanId', (
      select plan.id
      from plan
    ),
    'metrics', (
      select coalesce(jsonb_agg(pressed.metric order by pressed.metric), '[]')
      from pressed
    ),
    'upgrade', (
      select jsonb_build_object('planId', offer.id, 'name', offer.name, 'priceCents', offer.price_cents)
      from offer
    )
  )
$$;

comment on function usage.suggest_upgrade(uuid) is
  'The metrics of a workspace from 75 percent of their limit on, and the first higher plan that has more of them and room for all else.';

create function usage.expire_reservations() returns integer
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select reservations.id
    from usage.reservations
    where reservations.status = 'held'
      and reservations.expires_at <= now()
    for update skip locked
  ),
  expired as (
    update usage.reservations
    set status = 'expired'
    from due
    where reservations.id = due.id
    returning 1
  )
  select count(*)::integer
  from expired
$$;

comment on function usage.expire_reservations() is
  'Marks reservations whose time is over; they hold nothing from that time on, with or without the mark.';

create function usage.prune(before timestamptz) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- An answer is kept 34 days, whatever the caller says.
  v_before constant timestamptz := least(before, now() - interval '34 days');
  v_rows integer;
  v_total integer := 0;
begin
  delete from usage.ledger
  where created_at < v_before;
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;

  delete from usage.reservations
  where created_at < v_before
    and expires_at <= now();
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;

  delete from usage.cron_runs
  where scheduled_time < v_before
    and started_at < v_before;
  get diagnostics v_rows = row_count;
  return v_total + v_rows;
end
$$;

comment on function usage.prune(timestamptz) is
  'Removes ledger rows, closed reservations and cron runs from before a moment at least 34 days ago; returns how many rows.';

revoke execute on function usage.suggest_upgrade(uuid) from public;
revoke execute on function usage.expire_reservations() from public;
revoke execute on function usage.prune(timestamptz) from public;
