drop trigger users_request_erasures on public.users;
drop function analytics.request_erasures();

create or replace view analytics.activity as
select
  events.workspace_id,
  events.user_id,
  events.channel_id,
  events.occurred_at,
  'event'::text as kind,
  events.category,
  events.session_id
from analytics.events;

drop index public.files_created_at_idx;
drop index public.messages_created_at_idx;
