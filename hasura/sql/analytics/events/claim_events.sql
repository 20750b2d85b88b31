create or replace function analytics.claim_events(
  p_workspace_ids uuid[],
  p_keys uuid[],
  p_occurred_at timestamptz[],
  out received_at text,
  out refused jsonb,
  out detail_tables jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _now constant timestamptz := now();
  _latest constant timestamptz := _now + interval '1 day';
  _earliest timestamptz;
  _known uuid[];
  _faults bigint;
begin
  received_at := _now::text;
  select _now - make_interval(days => retention.keep_days)
  into _earliest
  from analytics.retention
  where retention.table_name = 'events';

  select coalesce(jsonb_object_agg(detail.category, format('analytics.%I', detail.table_name)), '{}')
  into detail_tables
  from analytics.detail_tables as detail
  where to_regclass(format('analytics.%I', detail.table_name)) is not null;

  -- Instead of a foreign key, which would look up the workspace once for each event.
  select array_agg(locked.id)
  into _known
  from (
    select workspace.id
    from public.workspaces as workspace
    where workspace.id = any (array(select distinct given.id from unnest(p_workspace_ids) as given (id)))
    order by workspace.id
    for key share
  ) as locked;

  -- Hours by date_bin and months from these few hours: date_trunc with a time zone for each event costs a tenth of the claim.
  perform analytics.ensure_month(months.month)
  from (
    select distinct date_trunc('month', hours.hour, 'UTC') as month
    from (
      select distinct date_bin('1 hour', coalesce(given.at, _now), 'epoch') as hour
      from unnest(p_occurred_at) as given (at)
      where coalesce(given.at, _now) between _earliest and _latest
    ) as hours
  ) as months
  order by months.month;

  select count(*)
  into _faults
  from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at)
  where (
    given.workspace_id = any (_known)
    and coalesce(given.at, _now) between _earliest and _latest
  ) is not true;

  if _faults = 0 then
    begin
      insert into analytics.event_keys (workspace_id, key)
      select given.workspace_id, given.key
      from unnest(p_workspace_ids, p_keys) as given (workspace_id, key)
      -- Two batches that share events claim their keys in the same order. The second attempt below keeps that order.
      order by given.workspace_id, given.key;

      insert into analytics.touched_hours (workspace_id, hour)
      select distinct given.workspace_id, date_bin('1 hour', coalesce(given.at, _now), 'epoch')
      from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at);

      refused := '[]'::jsonb;
      return;
    exception
      when unique_violation then
        -- Some are stored already: the statement below finds out which.
        null;
    end;
  end if;

  with given as (
    select
      events.position,
      events.workspace_id,
      events.key,
      date_bin('1 hour', coalesce(events.at, _now), 'epoch') as hour,
      case
        when events.workspace_id = any (_known) is not true then 'workspace-forbidden'
        when coalesce(events.at, _now) not between _earliest and _latest then 'time-out-of-range'
      end as fault
    from unnest(p_workspace_ids, p_keys, p_occurred_at)
      with ordinality as events (workspace_id, key, at, position)
  ),
  claimed as (
    insert into analytics.event_keys (workspace_id, key)
    select given.workspace_id, given.key
    from given
    where given.fault is null
    -- Two batches that share events claim their keys in the same order.
    order by given.workspace_id, given.key
    on conflict do nothing
    returning event_keys.workspace_id, event_keys.key
  ),
  outcome as (
    select
      given.position,
      given.workspace_id,
      given.hour,
      coalesce(given.fault, case when claimed.key is null then 'duplicate' end) as fault
    from given
    left join claimed
      on claimed.workspace_id = given.workspace_id
      and claimed.key = given.key
  ),
  touched as (
    insert into analytics.touched_hours (workspace_id, hour)
    select distinct outcome.workspace_id, outcome.hour
    from outcome
    where outcome.fault is null
  )
  select coalesce(jsonb_agg(jsonb_build_array(outcome.position - 1, outcome.fault)) filter (where outcome.fault is not null), '[]')
  into refused
  from outcome;
end
$$;

comment on function analytics.claim_events(uuid[], uuid[], timestamptz[]) is 'First step of storing a batch of events: claims their keys for the transaction that then copies the rows. The arrays have the same length, and each key occurs once; a time of null is the present. received_at is the time of arrival; refused lists the events not to store as pairs of position (from 0) and reason: workspace-forbidden, time-out-of-range or duplicate; detail_tables names the table of each category that has one, quoted. Waits for a transaction that has claimed one of the keys and not ended.';

revoke execute on function analytics.claim_events(uuid[], uuid[], timestamptz[]) from public;
