create schema analytics;

comment on schema analytics is 'What people do in the application: events as they were sent, and what is counted from them.';

-- Months come and go while the application runs; apart from the tables that are tracked, nobody takes them for schema.
create schema analytics_months;

comment on schema analytics_months is 'The partitions of analytics.events.';

create table analytics.retention (
  table_name text not null,
  keep_days integer not null,
  constraint retention_pkey primary key (table_name),
  constraint retention_keep_days_sane check (keep_days between 1 and 3650)
);

comment on table analytics.retention is
  'How many days the rows of a table are kept. That of events is also how old an event may be when it arrives, and how long it is recognised when it comes again.';

insert into analytics.retention (table_name, keep_days)
values ('events', 400);

create table analytics.events (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  occurred_at timestamptz not null default now(),
  received_at timestamptz not null default now(),
  user_id uuid,
  channel_id uuid,
  source text not null default 'track',
  event_id text not null default gen_random_uuid()::text,
  name text not null,
  category text not null default 'custom',
  subject text,
  session_id text,
  anonymous_id text,
  platform text,
  app_version text,
  properties jsonb not null default '{}',
  attributes jsonb,
  constraint events_pkey primary key (workspace_id, occurred_at, id)
) partition by range (occurred_at);

comment on table analytics.events is
  'Events of people and servers, one partition a month. There is no default partition: one that holds rows would have to be read under a lock to make the month they belong to.';
comment on column analytics.events.id is
  'Made of source and event_id, so that the same event has the same id; unique within its workspace.';
comment on column analytics.events.occurred_at is 'As its sender says, else when it arrived.';
comment on column analytics.events.event_id is 'The id that its sender gave it, unique for its source.';
comment on column analytics.events.properties is 'The data of the event, any JSON.';
comment on column analytics.events.attributes is 'What else a CloudEvent says about itself: extensions, dataschema, datacontenttype.';

create table analytics.event_keys (
  workspace_id uuid not null,
  key uuid not null,
  received_at timestamptz not null default now(),
  constraint event_keys_pkey primary key (workspace_id, key)
);

-- Rows come in the order of their time; a tree would cost each event an insert more for one deletion a day.
create index event_keys_received_at_idx on analytics.event_keys using brin (received_at);

comment on table analytics.event_keys is
  'Which events are stored, over all months: a unique key of a partitioned table ends at its partition. The workspace comes first, so that the keys of a batch lie on few pages.';

create table analytics.touched_hours (
  workspace_id uuid not null,
  hour timestamptz not null
);

comment on table analytics.touched_hours is
  'Hours whose events changed since they were counted. Only ever appended to, in the transaction of the events: no two writers meet, and no change is missed.';

create function analytics.ensure_month(at timestamptz) returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from constant timestamptz := date_trunc('month', at, 'UTC');
  v_until constant timestamptz := (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  v_name constant text := to_char(v_from at time zone 'UTC', '"events_y"YYYY"m"MM');
begin
  if to_regclass('analytics_months.' || v_name) is not null then
    return v_name;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('analytics.ensure_month', 0));
  -- Whoever held the lock may have made it. A query sees that; the cache behind to_regclass remembers that it was not there.
  perform 1
  from pg_class
  where relnamespace = 'analytics_months'::regnamespace
    and relname = v_name;
  if found then
    return v_name;
  end if;
  -- Made beside the parent and attached: "partition of" would lock the parent against every reader and writer.
  execute format('create table analytics_months.%I (like analytics.events including defaults)', v_name);
  execute format('alter table analytics.events attach partition analytics_months.%I for values from (%L) to (%L)', v_name, v_from, v_until);
  return v_name;
end
$$;

comment on function analytics.ensure_month(timestamptz) is
  'Makes the partition of the UTC month of a moment unless it is there; returns its name. Insert into a month in a later command.';

create function analytics.claim_events(
  p_workspace_ids uuid[],
  p_keys uuid[],
  p_occurred_at timestamptz[],
  out received_at text,
  out refused jsonb
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := now();
  v_latest constant timestamptz := v_now + interval '1 day';
  v_earliest timestamptz;
  v_known uuid[];
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

  perform analytics.ensure_month(months.month)
  from (
    select distinct date_trunc('month', coalesce(given.at, v_now), 'UTC') as month
    from unnest(p_occurred_at) as given (at)
    where coalesce(given.at, v_now) between v_earliest and v_latest
  ) as months
  order by months.month;

  with given as (
    select
      events.position,
      events.workspace_id,
      events.key,
      date_trunc('hour', coalesce(events.at, v_now), 'UTC') as hour,
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

comment on function analytics.claim_events(uuid[], uuid[], timestamptz[]) is
  'Claims the keys of a batch of events, each key once in it, for the transaction that goes on to store them: says when they arrived, and which of them (counted from 0) not to store and why. A time of null is the present.';

create function analytics.forget_workspaces() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    truncate analytics.events, analytics.event_keys;
  else
    delete from analytics.events
    using gone
    where events.workspace_id = gone.id;
    delete from analytics.event_keys
    using gone
    where event_keys.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function analytics.forget_workspaces() is
  'Removes the events of deleted workspaces, for want of a foreign key. Touched hours are left: who counts them finds no workspace.';

create trigger analytics_forget_workspaces_delete
after delete on public.workspaces
referencing old table as gone
for each statement execute function analytics.forget_workspaces();

create trigger analytics_forget_workspaces_truncate
after truncate on public.workspaces
for each statement execute function analytics.forget_workspaces();

revoke execute on function analytics.ensure_month(timestamptz) from public;
revoke execute on function analytics.claim_events(uuid[], uuid[], timestamptz[]) from public;
revoke execute on function analytics.forget_workspaces() from public;

select analytics.ensure_month(now()), analytics.ensure_month(now() + interval '1 month');
