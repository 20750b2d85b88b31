create schema analytics;

comment on schema analytics is 'What people do in the application: events as they were sent, and what is counted from them.';

create schema analytics_months;

comment on schema analytics_months is 'The partitions of analytics.events.';

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

comment on table analytics.events is 'Events of people and servers, one partition a month. There is no default partition: one that holds rows would have to be read under a lock to make the month they belong to.';
comment on column analytics.events.id is 'Made of source and event_id, so that the same event has the same id; unique within its workspace.';
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

create index event_keys_received_at_idx on analytics.event_keys using brin (received_at);

comment on table analytics.event_keys is 'Which events are stored, over all months: a unique key of a partitioned table ends at its partition. The workspace comes first, so that the keys of a batch lie on few pages.';

create table analytics.feature_usage (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  occurred_at timestamptz not null default now(),
  user_id uuid,
  feature_name text not null,
  feature_category text,
  usage_count bigint not null default 1,
  platform text,
  constraint feature_usage_pkey primary key (workspace_id, id),
  constraint feature_usage_usage_count_positive check (usage_count > 0)
);

create index feature_usage_workspace_id_occurred_at_idx on analytics.feature_usage (workspace_id, occurred_at);

create index feature_usage_occurred_at_idx on analytics.feature_usage using brin (occurred_at);

comment on table analytics.feature_usage is 'Which features are used: the events of category feature_usage.';
comment on column analytics.feature_usage.id is 'That of the event in analytics.events.';

create table analytics.performance (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  occurred_at timestamptz not null default now(),
  user_id uuid,
  endpoint text not null,
  method text,
  status_code integer,
  response_time_ms double precision not null,
  db_query_time_ms double precision,
  external_api_time_ms double precision,
  constraint performance_pkey primary key (workspace_id, id)
);

create index performance_workspace_id_occurred_at_idx on analytics.performance (workspace_id, occurred_at);

create index performance_occurred_at_idx on analytics.performance using brin (occurred_at);

comment on table analytics.performance is 'How long requests took as their sender saw it: the events of category performance that name an endpoint.';
comment on column analytics.performance.id is 'That of the event in analytics.events.';

create table analytics.search_logs (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  occurred_at timestamptz not null default now(),
  user_id uuid,
  query text not null,
  query_normalized text not null,
  result_count bigint,
  clicked_result_id text,
  clicked_result_position integer,
  search_duration_ms double precision,
  constraint search_logs_pkey primary key (workspace_id, id)
);

create index search_logs_workspace_id_occurred_at_idx on analytics.search_logs (workspace_id, occurred_at);

create index search_logs_occurred_at_idx on analytics.search_logs using brin (occurred_at);

comment on table analytics.search_logs is 'What was searched and what came of it: the events of category search.';
comment on column analytics.search_logs.id is 'That of the event in analytics.events.';
comment on column analytics.search_logs.query_normalized is 'Lower case, inner spaces made one: what equal searches have in common.';

create table analytics.user_activity (
  workspace_id uuid not null,
  user_id uuid not null,
  hour timestamptz not null,
  events bigint not null default 0,
  sessions bigint not null default 0,
  page_views bigint not null default 0,
  user_actions bigint not null default 0,
  features_used bigint not null default 0,
  searches bigint not null default 0,
  errors bigint not null default 0,
  messages_sent bigint not null default 0,
  files_uploaded bigint not null default 0,
  constraint user_activity_pkey primary key (workspace_id, user_id, hour),
  constraint user_activity_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint user_activity_whole_hour check (hour = date_trunc('hour', hour, 'UTC'))
);

create index user_activity_workspace_id_hour_idx on analytics.user_activity (workspace_id, hour);

create index user_activity_hour_idx on analytics.user_activity using brin (hour);

comment on table analytics.user_activity is 'What each person did in an hour of UTC, counted again whenever an event of the hour arrives.';

create table analytics.channel_activity (
  workspace_id uuid not null,
  channel_id uuid not null,
  hour timestamptz not null,
  events bigint not null default 0,
  active_users bigint not null default 0,
  messages_count bigint not null default 0,
  constraint channel_activity_pkey primary key (workspace_id, channel_id, hour),
  constraint channel_activity_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint channel_activity_whole_hour check (hour = date_trunc('hour', hour, 'UTC'))
);

create index channel_activity_workspace_id_hour_idx on analytics.channel_activity (workspace_id, hour);

create index channel_activity_hour_idx on analytics.channel_activity using brin (hour);

comment on table analytics.channel_activity is 'What happened in each channel in an hour of UTC, counted again whenever an event of the hour arrives.';

create table analytics.touched_hours (
  workspace_id uuid not null,
  hour timestamptz not null
);

comment on table analytics.touched_hours is 'Hours whose events changed since they were counted. Only ever appended to, in the transaction of the events: no two writers meet, and no change is missed.';

create table analytics.rollup_state (
  name text not null,
  rolled_until timestamptz not null default '-infinity',
  constraint rollup_state_pkey primary key (name)
);

comment on table analytics.rollup_state is 'Until when rows that announce no touched hour were looked through.';

create table analytics.retention (
  table_name text not null,
  keep_days integer not null,
  constraint retention_pkey primary key (table_name),
  constraint retention_keep_days_sane check (keep_days between 1 and 3650),
  constraint retention_table_name_known check (
    table_name in ('events', 'feature_usage', 'performance', 'search_logs', 'user_activity', 'channel_activity')
  )
);

comment on table analytics.retention is 'How many days the rows of a table are kept. That of events is also how old an event may be when it arrives, and how long it is recognised when it comes again.';

create table analytics.erasures (
  user_id uuid not null,
  requested_at timestamptz not null default now(),
  constraint erasures_pkey primary key (user_id)
);

comment on table analytics.erasures is 'People whose rows are still to be removed; their events lie in every month, which is too long for one statement of the application.';

insert into analytics.retention (table_name, keep_days)
values
  ('events', 400),
  ('feature_usage', 180),
  ('performance', 30),
  ('search_logs', 90),
  ('user_activity', 400),
  ('channel_activity', 400);

insert into analytics.rollup_state (name)
values ('activity');
