create table usage.metrics (
  key text not null,
  kind text not null,
  unit text not null,
  feed text not null,
  title text not null,
  description text not null,
  constraint metrics_pkey primary key (key),
  constraint metrics_key_format check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint metrics_kind_known check (kind in ('counter', 'gauge')),
  constraint metrics_feed_known check (feed in ('rows', 'gate'))
);

comment on table usage.metrics is 'What is counted: one row a metric';
comment on column usage.metrics.kind is 'counter: adds up within a period and starts again at zero; gauge: a level that goes up and down and has no reset';
comment on column usage.metrics.unit is 'What one unit is: count, bytes, seconds or micro_usd';
comment on column usage.metrics.feed is 'rows: triggers on tables feed it; gate: decisions of the gate feed it';

insert into usage.metrics (key, kind, unit, feed, title, description)
values
  ('members', 'gauge', 'count', 'rows', 'Members', 'People in the workspace, whatever their role'),
  ('channels', 'gauge', 'count', 'rows', 'Channels', 'Channels that are not archived'),
  ('bots', 'gauge', 'count', 'rows', 'Bots', 'Bots installed in the workspace'),
  ('integrations', 'gauge', 'count', 'rows', 'Integrations', 'Integrations connected to the workspace'),
  ('storage_bytes', 'gauge', 'bytes', 'rows', 'Storage', 'Bytes of files that are pending or ready'),
  ('recording_bytes', 'gauge', 'bytes', 'rows', 'Recordings', 'Bytes of call recordings kept'),
  ('messages', 'counter', 'count', 'rows', 'Messages', 'Messages sent in the period; deleting one does not give it back'),
  ('files_uploaded', 'counter', 'count', 'rows', 'Files uploaded', 'Files added in the period'),
  ('uploaded_bytes', 'counter', 'bytes', 'rows', 'Bytes uploaded', 'Bytes of the files added in the period'),
  ('call_seconds', 'counter', 'seconds', 'rows', 'Call time', 'Seconds of calls that ended in the period'),
  ('stream_seconds', 'counter', 'seconds', 'rows', 'Stream time', 'Seconds of streams that ended in the period'),
  ('api_calls', 'counter', 'count', 'gate', 'API calls', 'Requests to the API in the period'),
  ('ai_queries', 'counter', 'count', 'gate', 'AI queries', 'Questions put to an AI model in the period'),
  ('ai_seconds', 'counter', 'seconds', 'gate', 'AI time', 'Seconds of AI processing in the period'),
  ('ai_cost_micro_usd', 'counter', 'micro_usd', 'gate', 'AI cost', 'Cost of AI models in the period, in millionths of a US dollar');
