-- hasura/sql/analytics/application/activity.sql
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

-- hasura/sql/usage/application/alert_recipients.sql
create or replace function usage.alert_recipients(p_workspace_id uuid)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select users.email
  from public.users
  where users.id in (
    select workspaces.owner_id
    from public.workspaces
    where workspaces.id = p_workspace_id
    union
    select workspace_members.user_id
    from public.workspace_members
    where workspace_members.workspace_id = p_workspace_id
      and workspace_members.role in ('owner', 'admin')
  )
$$;

comment on function usage.alert_recipients(uuid) is 'The addresses that alerts of a workspace are mailed to: of its owner and its admins.';

revoke execute on function usage.alert_recipients(uuid) from public;

-- hasura/sql/public/users/users_request_erasures.sql
create or replace trigger users_request_erasures
  after delete on public.users
  referencing old table as gone
  for each statement execute function analytics.request_erasures();

-- hasura/sql/public/workspaces/accept_invitation.sql
create or replace function public.accept_invitation(invitation_id uuid, hasura_session json)
returns setof public.workspace_invitations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_invitation public.workspace_invitations;
begin
  -- The row lock makes a second acceptance wait and then find the invitation taken.
  update public.workspace_invitations as invitation
  set accepted_at = now(),
    accepted_by = person.id
  from public.users as person
  where invitation.id = accept_invitation.invitation_id
    and invitation.accepted_at is null
    and invitation.expires_at > now()
    and person.id::text = lower(hasura_session ->> 'x-hasura-user-id')
    and person.email_key = invitation.email_key
  returning invitation.*
  into v_invitation;
  if not found then
    -- One answer for a wrong id, another person's invitation and one that is over: none of them may be told apart.
    raise exception using
      errcode = '23U02',
      message = 'there is no open invitation of this id for you';
  end if;

  -- Who is a member already keeps the present role: an invitation neither raises nor lowers it.
  insert into public.workspace_members (workspace_id, user_id, role)
  values (v_invitation.workspace_id, v_invitation.accepted_by, v_invitation.role)
  on conflict on constraint workspace_members_pkey do nothing;

  return next v_invitation;
end
$$;

comment on function public.accept_invitation(uuid, json) is 'Makes the caller a member of the workspace that invited the e-mail of the account; counts as a member like any other and is refused at the limit.';

revoke execute on function public.accept_invitation(uuid, json) from public;

-- hasura/sql/public/workspaces/announce_workspace_member.sql
create or replace function public.announce_workspace_member()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('hasura_usage_access', 'member:' || old.workspace_id || ':' || old.user_id);
  return null;
end
$$;

comment on function public.announce_workspace_member() is 'Tells gateways to forget a membership that changed or ended';

create or replace trigger workspace_members_announce
  after update or delete on public.workspace_members
  for each row execute function public.announce_workspace_member();

-- hasura/sql/public/workspaces/name_invitation.sql
create or replace function public.name_invitation()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  select workspaces.name
  into new.workspace_name
  from public.workspaces
  where workspaces.id = new.workspace_id;
  new.workspace_name := coalesce(new.workspace_name, '');
  return new;
end
$$;

create or replace trigger workspace_invitations_name
  before insert on public.workspace_invitations
  for each row execute function public.name_invitation();

-- hasura/sql/public/workspaces/validate_time_zone.sql
create or replace function public.validate_time_zone()
returns trigger
language plpgsql
as $$
begin
  -- pg_timezone_names reads the whole zone database from disk, so a zone already in use is trusted first
  if new.time_zone = 'UTC' or exists (select from public.workspaces where time_zone = new.time_zone) then
    return new;
  end if;
  if not exists (select from pg_catalog.pg_timezone_names where name = new.time_zone) then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

create or replace trigger workspaces_validate_time_zone
  before insert or update of time_zone on public.workspaces
  for each row execute function public.validate_time_zone();
