create or replace view analytics.activity as
select
  event.workspace_id,
  event.user_id,
  event.channel_id,
  event.occurred_at,
  'event'::text as kind,
  event.category,
  event.session_id
from analytics.events as event
union all
select
  message.workspace_id,
  message.user_id,
  message.channel_id,
  message.created_at as occurred_at,
  'message'::text as kind,
  null::text as category,
  null::text as session_id
from public.messages as message
union all
select
  file.workspace_id,
  file.uploader_id as user_id,
  null::uuid as channel_id,
  file.created_at as occurred_at,
  'file'::text as kind,
  null::text as category,
  null::text as session_id
from public.files as file;

comment on view analytics.activity is 'Hook: the rows that analytics.roll_activity counts by hour. Rows of kind event are found by analytics.touched_hours; rows of other kinds by occurred_at, which must be the time of the insert. Kind message counts as messages_sent, kind file as files_uploaded.';
