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

comment on table analytics.search_logs is 'Searches and their results: one row for each event of category search that has a query.';
comment on column analytics.search_logs.id is 'The id of the event in analytics.events.';
comment on column analytics.search_logs.query_normalized is 'The query in NFKC and lower case, with runs of white space made one space: equal searches have equal values.';

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

comment on table analytics.channel_activity is 'Activity in each channel in each hour of UTC. analytics.roll_application_activity recounts an hour after events of it have arrived or gone.';

insert into analytics.retention (table_name, keep_days)
values
  ('search_logs', 90),
  ('channel_activity', 400);

insert into analytics.detail_tables (category, table_name)
values ('search', 'search_logs');
