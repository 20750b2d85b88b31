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

insert into analytics.retention (table_name, keep_days)
values
  ('feature_usage', 180),
  ('performance', 30),
  ('search_logs', 90);

create or replace function analytics.forget_workspaces() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table text;
begin
  foreach v_table in array array['events', 'event_keys', 'feature_usage', 'performance', 'search_logs'] loop
    if tg_op = 'TRUNCATE' then
      execute format('truncate analytics.%I', v_table);
    else
      execute format('delete from analytics.%I as held using gone where held.workspace_id = gone.id', v_table);
    end if;
  end loop;
  return null;
end
$$;
