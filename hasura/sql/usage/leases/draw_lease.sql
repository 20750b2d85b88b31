create or replace function usage.draw_lease(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- A lease gets at most an eighth of what is free, so that other processes find units too, up to the limit.
  _share constant integer := 8;
  _workspace_id constant uuid := case when request ->> 'workspaceId' ~ _uuid_pattern then (request ->> 'workspaceId')::uuid end;
  _metric constant text := request ->> 'metric';
  _holder constant text := left(request ->> 'holder', 200);
  _step constant bigint := coalesce((request ->> 'step')::bigint, 0);
  _wanted_hold constant bigint := coalesce((request ->> 'hold')::bigint, 0);
  _given_back constant bigint := coalesce((request ->> 'giveBack')::bigint, 0);
  _given_back_period constant timestamptz := (request ->> 'giveBackPeriodStart')::timestamptz;
  _ttl constant integer := coalesce((request ->> 'ttlSeconds')::integer, 30);
  _own usage.reservations;
  _figures record;
  _free bigint;
  _need bigint;
  _charged bigint := 0::bigint;
  _ahead bigint;
  _hold bigint;
  _hold_id uuid;
  _allowed boolean[] := '{}'::boolean[];
  _reason text;
begin
  if _holder is null or _step < 0 or _wanted_hold < 0 or _given_back < 0 or _ttl not between 1 and 3600
    or (_given_back > 0 and _given_back_period is null)
    or jsonb_typeof(coalesce(request -> 'needs', '[]')) <> 'array'
  then
    raise exception using
      errcode = '22023',
      message = 'a lease needs a holder, a time to live and amounts that are not negative';
  end if;
  -- Such a refusal draws nothing: the process sends the request to the gate, which answers it in full.
  _reason := case
    when not exists (select from usage.metrics where key = _metric and leased) then 'not-leased'
    when not exists (select from public.workspaces where id = _workspace_id) then 'workspace-forbidden'
  end;
  if _reason is not null then
    return jsonb_build_object(
      'reason', _reason, 'allowed', '[]'::jsonb, 'ahead', 0, 'hold', 0, 'leaseId', null, 'used', 0, 'reserved', 0,
      'limit', 0, 'periodStart', null, 'periodEnd', null, 'secondsLeft', 0
    );
  end if;

  perform usage.gate_lock(_workspace_id, _metric, true);
  if _given_back > 0 then
    perform usage.give_back_lease(_workspace_id, _metric, _given_back_period, _given_back);
  end if;

  -- By the wall clock under the counter's lock: nobody else can be given what a living reservation keeps.
  select *
  into _own
  from usage.reservations
  where id = case when request ->> 'leaseId' ~ _uuid_pattern then (request ->> 'leaseId')::uuid end
    and workspace_id = _workspace_id
    and metric = _metric
    and lease_holder = _holder
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
    usage.reserved_amount(_workspace_id, _metric) as reserved
  into _figures
  from (select 1) as one
  cross join lateral (
    select present.period_start, present.period_end
    from usage.period(_workspace_id) as present
    limit 1
  ) as period
  cross join lateral (
    select applying.limit_value, applying.included, applying.cap_value
    from billing.limit_of(_workspace_id, _metric) as applying
    limit 1
  ) as bound
  left join usage.counters
    on counters.workspace_id = _workspace_id
    and counters.metric = _metric
    and counters.period_start = period.period_start;

  _free := case
    when not _figures.included then 0
    when _figures.cap_value is not null
      then greatest(_figures.cap_value - _figures.used - _figures.reserved + coalesce(_own.amount, 0), 0)
    -- Without a limit: half of bigint, so that no sum overflows.
    else 4611686018427387904 - _figures.used - _figures.reserved
  end;

  -- The requests that wait for this draw, in their order. One that does not fit does not stop a smaller one behind it.
  for _need in
    select value::bigint
    from jsonb_array_elements_text(coalesce(request -> 'needs', '[]')) with ordinality as need (value, need_no)
    order by need_no
  loop
    if _need > 0 and _need <= _free - _charged then
      _charged := _charged + _need;
      _allowed := _allowed || true;
    else
      _allowed := _allowed || false;
      _reason := case
        when _need <= 0 then 'invalid-input'
        when _figures.included then 'usage-limit-exceeded'
        else usage.not_included_reason(_workspace_id, _metric)
      end;
    end if;
  end loop;

  _ahead := least(_step, (_free - _charged) / _share);
  _hold := least(_wanted_hold, (_free - _charged - _ahead) / _share);
  if _charged + _ahead > 0 then
    perform usage.add(_workspace_id, _metric, _charged + _ahead, false);
  end if;
  _hold_id := usage.set_lease_hold(_own.id, _workspace_id, _metric, _holder, _hold, _figures.period_start, _ttl);

  return jsonb_build_object(
    'reason', _reason,
    'allowed', to_jsonb(_allowed),
    'ahead', _ahead,
    'hold', _hold,
    'leaseId', _hold_id,
    'used', _figures.used + _charged + _ahead,
    'reserved', usage.reserved_amount(_workspace_id, _metric),
    'limit', _figures.limit_value,
    'periodStart', _figures.period_start,
    'periodEnd', to_char(_figures.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'secondsLeft', extract(epoch from _figures.period_end - clock_timestamp())
  );
end
$$;

comment on function usage.draw_lease(jsonb) is 'Draws units of a leased metric for a process: {workspaceId, metric, holder, leaseId, needs: [amount], step, hold, giveBack, giveBackPeriodStart, ttlSeconds}. Counts needs and a step of further units at once, reserves up to hold for ttlSeconds (1 to 3,600, default 30) and takes unused units back. Returns which needs are allowed, ahead (further units counted), hold, leaseId and the figures after it. A denial is an answer; 22023 is raised for a missing holder or an amount out of range. src/domain/lease calls it.';

revoke execute on function usage.draw_lease(jsonb) from public;
