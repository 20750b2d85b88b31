-- The job looks for rows by time alone; a tree would cost every message an insert more.
create index messages_created_at_idx on public.messages using brin (created_at);
create index files_created_at_idx on public.files using brin (created_at);

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

create function analytics.request_erasures() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into analytics.erasures (user_id)
  select gone.id
  from gone
  on conflict do nothing;
  return null;
end
$$;

comment on function analytics.request_erasures() is 'Puts deleted people on the list of those whose events go.';

create trigger users_request_erasures
after delete on public.users
referencing old table as gone
for each statement execute function analytics.request_erasures();

revoke execute on function analytics.request_erasures() from public;
