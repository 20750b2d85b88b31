create or replace function usage.draw_lease(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- What stays in the database for others: a lease takes a share of what is free, ever smaller towards the limit.
  c_share constant bigint := 8;
  v_workspace constant uuid := case when request ->> 'workspaceId' ~ c_uuid then (request ->> 'workspaceId')::uuid end;
  v_metric constant text := request ->> 'metric';
  v_holder constant text := left(request ->> 'holder', 200);
  v_step constant bigint := coalesce((request ->> 'step')::bigint, 0);
  v_wanted_hold constant bigint := coalesce((request ->> 'hold')::bigint, 0);
  v_given_back constant bigint := coalesce((request ->> 'giveBack')::bigint, 0);
  v_given_period constant timestamptz := (request ->> 'giveBackPeriodStart')::timestamptz;
  v_ttl constant integer := coalesce((request ->> 'ttlSeconds')::integer, 30);
  v_taken bigint;
  s record;
  r usage.reservations;
  v_free bigint;
  v_need bigint;
  v_charge bigint := 0;
  v_ahead bigint := 0;
  v_hold bigint := 0;
  v_allowed boolean[] := '{}';
  v_reason text;
begin
  if v_holder is null or v_step < 0 or v_wanted_hold < 0 or v_given_back < 0 or v_ttl not between 1 and 3600
    or (v_given_back > 0 and v_given_period is null)
    or jsonb_typeof(coalesce(request -> 'needs', '[]')) <> 'array'
  then
    raise exception using
      errcode = '22023',
      message = 'a lease needs a holder, a time to live and amounts that are not negative';
  end if;
  -- Refusals that take nothing; the caller asks the gate, which says why at length.
  v_reason := case
    when not exists (select from usage.metrics where key = v_metric and leased) then 'not-leased'
    when not exists (select from public.workspaces where id = v_workspace) then 'workspace-forbidden'
  end;
  if v_reason is not null then
    return jsonb_build_object(
      'reason', v_reason, 'allowed', '[]'::jsonb, 'ahead', 0, 'hold', 0, 'leaseId', null, 'used', 0, 'reserved', 0,
      'limit', 0, 'periodStart', null, 'periodEnd', null, 'secondsLeft', 0
    );
  end if;

  perform usage.gate_lock(v_workspace, v_metric, true);

  -- Units that were counted ahead and not used. They go back to the period in which they were counted.
  if v_given_back > 0 then
    update usage.counters
    set used = used - v_given_back
    where workspace_id = v_workspace
      and metric = v_metric
      and period_start = v_given_period
      and used >= v_given_back
    returning v_given_back
    into v_taken;
    if found then
      insert into usage.counter_log (workspace_id, metric, period_start, amount)
      values (v_workspace, v_metric, v_given_period, - v_taken);
    end if;
  end if;

  -- Under the lock, so that nobody counts on the headroom of a hold that is found alive here.
  select *
  into r
  from usage.reservations
  where id = case when request ->> 'leaseId' ~ c_uuid then (request ->> 'leaseId')::uuid end
    and workspace_id = v_workspace
    and metric = v_metric
    and lease_holder = v_holder
    and status = 'held'
    and expires_at > clock_timestamp()
  for update;

  select
    period.period_start,
    period.period_end,
    bound.limit_value,
    bound.included,
    bound.cap_value,
    coalesce(counters.used, 0) as used,
    usage.reserved_amount(v_workspace, v_metric) as held
  into s
  from (select 1) as one
  cross join lateral (
    select present.period_start, present.period_end
    from usage.period(v_workspace) as present
    limit 1
  ) as period
  cross join lateral (
    select applying.limit_value, applying.included, applying.cap_value
    from billing.limit_of(v_workspace, v_metric) as applying
    limit 1
  ) as bound
  left join usage.counters
    on counters.workspace_id = v_workspace
    and counters.metric = v_metric
    and counters.period_start = period.period_start;

  v_free := case
    when not s.included then 0
    when s.cap_value is not null then greatest(s.cap_value - s.used - s.held + coalesce(r.amount, 0), 0)
    else 4611686018427387904 - s.used - s.held
  end;

  -- The callers who wait, in their order; one that does not fit does not stop a smaller one behind it.
  for v_need in
    select value::bigint
    from jsonb_array_elements_text(coalesce(request -> 'needs', '[]')) with ordinality as need (value, n)
    order by n
  loop
    if v_need > 0 and v_need <= v_free - v_charge then
      v_charge := v_charge + v_need;
      v_allowed := v_allowed || true;
    else
      v_allowed := v_allowed || false;
      v_reason := case
        when v_need <= 0 then 'invalid-input'
        when s.included then 'usage-limit-exceeded'
        else usage.not_included_reason(v_workspace, v_metric)
      end;
    end if;
  end loop;

  v_ahead := least(v_step, (v_free - v_charge) / c_share);
  v_hold := least(v_wanted_hold, (v_free - v_charge - v_ahead) / c_share);

  if v_charge + v_ahead > 0 then
    perform usage.add(v_workspace, v_metric, v_charge + v_ahead, false);
  end if;

  if r.id is not null and v_hold > 0 then
    update usage.reservations
    set amount = v_hold,
      expires_at = clock_timestamp() + make_interval(secs => v_ttl),
      period_start = s.period_start
    where id = r.id
    returning *
    into r;
  elsif r.id is not null then
    update usage.reservations
    set status = 'released',
      committed_amount = 0
    where id = r.id;
    r := null;
  elsif v_hold > 0 then
    insert into usage.reservations (workspace_id, metric, amount, status, expires_at, period_start, lease_holder)
    values (
      v_workspace, v_metric, v_hold, 'held', clock_timestamp() + make_interval(secs => v_ttl), s.period_start, v_holder
    )
    returning *
    into r;
  end if;

  return jsonb_build_object(
    'reason', v_reason,
    'allowed', to_jsonb(v_allowed),
    'ahead', v_ahead,
    'hold', v_hold,
    'leaseId', r.id,
    'used', s.used + v_charge + v_ahead,
    'reserved', usage.reserved_amount(v_workspace, v_metric),
    'limit', s.limit_value,
    'periodStart', s.period_start,
    'periodEnd', to_char(s.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'secondsLeft', extract(epoch from s.period_end - clock_timestamp())
  );
end
$$;

comment on function usage.draw_lease(jsonb) is 'Takes units ahead for a process: {workspaceId, metric, holder, leaseId, needs: [amount], step, hold, giveBack, giveBackPeriodStart, ttlSeconds}. What is needed and a step are counted at once, a further share is held until its time is over, and unused units come back.';

revoke execute on function usage.draw_lease(jsonb) from public;
