create or replace view analytics.activity as
select
  event.workspace_id,
  event.user_id,
  event.channel_id,
  event.occurred_at,
  'event'::text as kind,
  event.category,
  event.session_id
from analytics.events as event;

comment on view analytics.activity is 'Hook: the rows that analytics.roll_activity counts by hour. Rows of kind event are found by analytics.touched_hours; rows of other kinds by occurred_at, which must be the time of the insert. Kind message counts as messages_sent, kind file as files_uploaded.';
