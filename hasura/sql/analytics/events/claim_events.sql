create or replace function analytics.claim_events(
  p_workspace_ids uuid[],
  p_keys uuid[],
  p_occurred_at timestamptz[],
  out received_at text,
  out refused jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := now();
  v_latest constant timestamptz := v_now + interval '1 day';
  v_earliest timestamptz;
  v_known uuid[];
  v_faults bigint;
begin
  received_at := v_now::text;
  select v_now - make_interval(days => retention.keep_days)
  into v_earliest
  from analytics.retention
  where retention.table_name = 'events';

  -- In the place of a foreign key, which would look for the workspace once for each event.
  select array_agg(locked.id)
  into v_known
  from (
    select workspaces.id
    from public.workspaces
    where workspaces.id = any (array(select distinct given.id from unnest(p_workspace_ids) as given (id)))
    order by workspaces.id
    for key share
  ) as locked;

  -- Hours by arithmetic and months from the few hours: a zone looked up for each event cost a tenth of its claim.
  perform analytics.ensure_month(months.month)
  from (
    select distinct date_trunc('month', hours.hour, 'UTC') as month
    from (
      select distinct date_bin('1 hour', coalesce(given.at, v_now), 'epoch') as hour
      from unnest(p_occurred_at) as given (at)
      where coalesce(given.at, v_now) between v_earliest and v_latest
    ) as hours
  ) as months
  order by months.month;

  select count(*)
  into v_faults
  from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at)
  where (
    given.workspace_id = any (v_known)
    and coalesce(given.at, v_now) between v_earliest and v_latest
  ) is not true;

  if v_faults = 0 then
    begin
      insert into analytics.event_keys (workspace_id, key)
      select given.workspace_id, given.key
      from unnest(p_workspace_ids, p_keys) as given (workspace_id, key)
      -- two batches that share events take their keys in one order, which beginning again below does not break
      order by given.workspace_id, given.key;

      insert into analytics.touched_hours (workspace_id, hour)
      select distinct given.workspace_id, date_bin('1 hour', coalesce(given.at, v_now), 'epoch')
      from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at);

      refused := '[]';
      return;
    exception
      when unique_violation then
        -- Some are known: which, is found out below.
        null;
    end;
  end if;

  with given as (
    select
      events.position,
      events.workspace_id,
      events.key,
      date_bin('1 hour', coalesce(events.at, v_now), 'epoch') as hour,
      case
        when events.workspace_id = any (v_known) is not true then 'workspace-forbidden'
        when coalesce(events.at, v_now) not between v_earliest and v_latest then 'time-out-of-range'
      end as fault
    from unnest(p_workspace_ids, p_keys, p_occurred_at)
      with ordinality as events (workspace_id, key, at, position)
  ),
  claimed as (
    insert into analytics.event_keys (workspace_id, key)
    select given.workspace_id, given.key
    from given
    where given.fault is null
    -- two batches that share events take their keys in one order
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

comment on function analytics.claim_events(uuid[], uuid[], timestamptz[]) is 'Claims the keys of a batch of events, each key once in it, for the transaction that goes on to store them: says when they arrived, and which of them (counted from 0) not to store and why. A time of null is the present.';

revoke execute on function analytics.claim_events(uuid[], uuid[], timestamptz[]) from public;
