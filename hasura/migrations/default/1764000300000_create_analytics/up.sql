create schema analytics;

comment on schema analytics is 'What people do in the application: the events that clients send, and hourly counts of them.';

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

comment on table analytics.events is 'Events of people and servers, one partition for each month of UTC. There is no default partition: creating a month would lock it and scan its rows.';
comment on column analytics.events.id is 'Derived from source and event_id, so that the same event always has the same id. Unique within the workspace.';
comment on column analytics.events.occurred_at is 'When the event happened, as its sender says; the time of arrival where the sender names none.';
comment on column analytics.events.event_id is 'The id that the sender gave it. The pair of source and event_id identifies the event within its workspace.';
comment on column analytics.events.properties is 'The data of the event: any JSON value.';
comment on column analytics.events.attributes is 'Attributes of a CloudEvent that have no column: extensions, dataschema, datacontenttype. Null for other events.';

create table analytics.event_keys (
  workspace_id uuid not null,
  key uuid not null,
  received_at timestamptz not null default now(),
  constraint event_keys_pkey primary key (workspace_id, key)
);

create index event_keys_received_at_idx on analytics.event_keys using brin (received_at);

comment on table analytics.event_keys is 'One row for each stored event of any month. It makes events unique over all months, which a unique key of a partitioned table cannot do. The key begins with the workspace, so that the keys of a batch share few index pages.';

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

comment on table analytics.feature_usage is 'Uses of features: one row for each event of category feature_usage.';
comment on column analytics.feature_usage.id is 'The id of the event in analytics.events.';

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

comment on table analytics.performance is 'Durations of requests in milliseconds, as the sender measured them: one row for each event of category performance that names an endpoint.';
comment on column analytics.performance.id is 'The id of the event in analytics.events.';

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

comment on table analytics.user_activity is 'Activity of each person in each hour of UTC. analytics.roll_activity recounts an hour after events of it have arrived or gone.';

create table analytics.touched_hours (
  workspace_id uuid not null,
  hour timestamptz not null
);

comment on table analytics.touched_hours is 'Hours whose events changed since analytics.roll_activity last counted them; an hour may have several rows. Writers only insert, in the transaction that changes the events, so that none waits for another and no change is missed.';

create table analytics.rollup_state (
  name text not null,
  rolled_until timestamptz not null default '-infinity',
  constraint rollup_state_pkey primary key (name)
);

comment on table analytics.rollup_state is 'The moment up to which a rollup has read the rows of analytics.activity that leave no row in analytics.touched_hours.';

create table analytics.retention (
  table_name text not null,
  keep_days integer not null,
  constraint retention_pkey primary key (table_name),
  constraint retention_keep_days_sane check (keep_days between 1 and 3650),
  constraint retention_table_name_not_event_keys check (table_name <> 'event_keys')
);

comment on table analytics.retention is 'The tables of schema analytics whose rows are deleted when they are older than keep_days, when their workspace is deleted, and when their person is erased. An application adds tables of its own.';

comment on column analytics.retention.keep_days is 'Days for which rows are kept. For events it is also the greatest age at which an event is accepted. Keys of events are kept 35 days longer.';
comment on constraint retention_table_name_not_event_keys on analytics.retention is 'Keys of events follow the row of events.';

create table analytics.detail_tables (
  category text not null,
  table_name text not null,
  constraint detail_tables_pkey primary key (category),
  constraint detail_tables_table_name_fkey foreign key (table_name) references analytics.retention (table_name),
  constraint detail_tables_category_known check (category in ('feature_usage', 'performance', 'search'))
);

comment on table analytics.detail_tables is 'The table that ingest fills with the details of the events of a category. Events of a category without a row are stored in analytics.events only.';
comment on constraint detail_tables_category_known on analytics.detail_tables is 'The categories whose data ingest checks and knows the columns of.';

create table analytics.erasures (
  user_id uuid not null,
  requested_at timestamptz not null default now(),
  constraint erasures_pkey primary key (user_id)
);

comment on table analytics.erasures is 'People whose rows analytics.erase_person still has to delete. A person has events in many months: deleting them takes too long for a statement of the application.';

insert into analytics.retention (table_name, keep_days)
values
  ('events', 400),
  ('feature_usage', 180),
  ('performance', 30),
  ('user_activity', 400);

insert into analytics.detail_tables (category, table_name)
values
  ('feature_usage', 'feature_usage'),
  ('performance', 'performance');

insert into analytics.rollup_state (name)
values ('activity');
