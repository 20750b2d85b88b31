/** The tables of Hasura's catalog inside a source, version 3: the outbox of event triggers. */
export const sourceTables = `
create table if not exists hdb_catalog.hdb_source_catalog_version (
  version text not null,
  upgraded_on timestamptz not null
);

create unique index if not exists hdb_source_catalog_version_one_row
  on hdb_catalog.hdb_source_catalog_version ((version is not null));

create table if not exists hdb_catalog.event_log (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  schema_name text not null,
  table_name text not null,
  trigger_name text not null,
  payload jsonb not null,
  delivered boolean not null default false,
  error boolean not null default false,
  tries integer not null default 0,
  created_at timestamp default now(),
  locked timestamptz,
  next_retry_at timestamp,
  archived boolean not null default false,
  constraint event_log_pkey primary key (id)
);

create index if not exists event_log_trigger_name_idx
  on hdb_catalog.event_log (trigger_name);

create index if not exists event_log_fetch_events
  on hdb_catalog.event_log (locked nulls first, next_retry_at nulls first, created_at)
  where delivered = false and error = false and archived = false;

create table if not exists hdb_catalog.event_invocation_logs (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  trigger_name text,
  event_id text,
  status integer,
  request json,
  response json,
  created_at timestamp default now(),
  constraint event_invocation_logs_pkey primary key (id)
);

create index if not exists event_invocation_logs_event_id_idx
  on hdb_catalog.event_invocation_logs (event_id);

create table if not exists hdb_catalog.hdb_event_log_cleanups (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  trigger_name text not null,
  scheduled_at timestamp not null,
  deleted_event_logs integer,
  deleted_event_invocation_logs integer,
  status text not null,
  constraint hdb_event_log_cleanups_pkey primary key (id),
  constraint hdb_event_log_cleanups_trigger_name_scheduled_at_key unique (trigger_name, scheduled_at),
  constraint hdb_event_log_cleanups_status_check
    check (status in ('scheduled', 'paused', 'completed', 'dead'))
);
`;

/**
 * Hasura's functions with its signatures. A setting that a transaction set locally reads as an empty string on that
 * connection afterwards, hence nullif: the empty string is no json and would fail every later write by plain SQL.
 */
export const uuidFunction = `
create or replace function hdb_catalog.gen_hasura_uuid()
returns uuid
language sql
as 'select gen_random_uuid()';
`;

export const eventLogFunction = `
create or replace function hdb_catalog.insert_event_log(
  schema_name text,
  table_name text,
  trigger_name text,
  op text,
  row_data json
)
returns text
language plpgsql
as $$
declare
  event_id text := gen_random_uuid();
begin
  insert into hdb_catalog.event_log (id, schema_name, table_name, trigger_name, payload)
  values (
    event_id,
    insert_event_log.schema_name,
    insert_event_log.table_name,
    insert_event_log.trigger_name,
    json_build_object(
      'op', op,
      'data', row_data,
      'session_variables', nullif(current_setting('hasura.user', true), '')::json,
      'trace_context', nullif(current_setting('hasura.tracecontext', true), '')::json
    )
  );
  return event_id;
end;
$$;
`;

/** What goes with the metadata of a source, statement by statement. */
export const dropSourceTables: readonly string[] = [
  "drop function if exists hdb_catalog.insert_event_log(text, text, text, text, json)",
  "drop table if exists hdb_catalog.event_invocation_logs",
  "drop table if exists hdb_catalog.event_log",
  "drop table if exists hdb_catalog.hdb_event_log_cleanups",
  "drop table if exists hdb_catalog.hdb_source_catalog_version",
];
