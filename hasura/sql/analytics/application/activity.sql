create or replace view analytics.activity as
select
  events.workspace_id,
  events.user_id,
  events.channel_id,
  events.occurred_at,
  'event'::text as kind,
  events.category,
  events.session_id
from analytics.events
union all
select
  messages.workspace_id,
  messages.user_id,
  messages.channel_id,
  messages.created_at as occurred_at,
  'message'::text as kind,
  null::text as category,
  null::text as session_id
from public.messages
union all
select
  files.workspace_id,
  files.uploader_id as user_id,
  null::uuid as channel_id,
  files.created_at as occurred_at,
  'file'::text as kind,
  null::text as category,
  null::text as session_id
from public.files;

comment on view analytics.activity is 'Everything that the hourly tables count. An application adds its own tables by replacing the view; their rows are found by their time, those of kind event by analytics.touched_hours.';
