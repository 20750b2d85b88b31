insert into analytics.retention (table_name, keep_days)
values
  ('user_activity', 400),
  ('channel_activity', 400);

alter table analytics.retention
  add constraint retention_table_name_known check (
    table_name in ('events', 'feature_usage', 'performance', 'search_logs', 'user_activity', 'channel_activity')
  );

create table analytics.erasures (
  user_id uuid not null,
  requested_at timestamptz not null default now(),
  constraint erasures_pkey primary key (user_id)
);

comment on table analytics.erasures is 'People whose rows are still to be removed; their events lie in every month, which is too long for one statement of the application.';

create function analytics.drop_months(p_at timestamptz) returns text[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz;
  v_dropped text[] := '{}';
  v_month record;
begin
  -- A delivery that comes twice would look for a month that the other one has just dropped.
  perform pg_advisory_xact_lock(hashtextextended('analytics.drop_months', 0));
  perform set_config('lock_timeout', '2s', true);
  select least(p_at, now()) - make_interval(days => retention.keep_days)
  into v_before
  from analytics.retention
  where retention.table_name = 'events';
  for v_month in
    select
      part.relname as name,
      (regexp_match(pg_get_expr(part.relpartbound, part.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz as until
    from pg_inherits
    join pg_class as part
      on part.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'analytics.events'::regclass
    order by part.relname
  loop
    continue when v_month.until > v_before;
    begin
      execute format('drop table analytics_months.%I', v_month.name);
      v_dropped := v_dropped || v_month.name;
    exception
      -- it would lock every reader and writer of events out while it waits; the next run comes soon enough
      when lock_not_available then null;
    end;
  end loop;
  return v_dropped;
end
$$;

comment on function analytics.drop_months(timestamptz) is
  'Drops the months of events that ended longer ago than events are kept, and returns them. So a row stays for its days and at most a month more.';

create function analytics.prune(p_table_name text, p_at timestamptz, p_limit integer) returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text;
  v_before timestamptz;
  v_rows integer;
begin
  select
    case
      when p_table_name = 'event_keys' then 'received_at'
      when p_table_name in ('user_activity', 'channel_activity') then 'hour'
      else 'occurred_at'
    end,
    -- A key outlives the row that it stands for, and that goes with its month.
    least(p_at, now()) - make_interval(days => retention.keep_days + case p_table_name when 'event_keys' then 35 else 0 end)
  into strict v_column, v_before
  from analytics.retention
  where retention.table_name = case p_table_name when 'event_keys' then 'events' else p_table_name end;
  if p_table_name = 'events' then
    raise exception 'events go by whole months: analytics.drop_months';
  end if;
  execute format(
    'delete from analytics.%I
     where ctid = any (array(
       select old.ctid
       from analytics.%I as old
       where old.%I < $1
       limit $2
       for update skip locked
     ))',
    p_table_name, p_table_name, v_column
  )
  using v_before, p_limit;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;

comment on function analytics.prune(text, timestamptz, integer) is
  'Deletes at most so many rows of a table that are kept no longer; returns how many. What others are at work on is left for the next call.';

create function analytics.erase_person() returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid;
  v_table text;
begin
  delete from analytics.erasures
  where user_id = (
    select next.user_id
    from analytics.erasures as next
    order by next.requested_at
    limit 1
    for update skip locked
  )
  returning user_id into v_user_id;
  if v_user_id is null then
    return 0;
  end if;
  with gone as (
    delete from analytics.events
    where events.user_id = v_user_id
    returning events.workspace_id, events.occurred_at
  )
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct gone.workspace_id, date_trunc('hour', gone.occurred_at, 'UTC')
  from gone;
  foreach v_table in array array['feature_usage', 'performance', 'search_logs', 'user_activity'] loop
    execute format('delete from analytics.%I where user_id = $1', v_table)
    using v_user_id;
  end loop;
  return 1;
end
$$;

comment on function analytics.erase_person() is
  'Removes what is held of the person who waits longest in analytics.erasures; returns 0 when nobody waits. The keys of the events stay, so that none comes back.';

revoke execute on function analytics.drop_months(timestamptz) from public;
revoke execute on function analytics.prune(text, timestamptz, integer) from public;
revoke execute on function analytics.erase_person() from public;
