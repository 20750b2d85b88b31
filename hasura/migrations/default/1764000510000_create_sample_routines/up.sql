-- hasura/sql/analytics/application/activity.sql
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

-- hasura/sql/usage/application/alert_recipients.sql
create or replace function usage.alert_recipients(p_workspace_id uuid)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select person.email
  from public.users as person
  where person.id in (
    select workspace.owner_id
    from public.workspaces as workspace
    where workspace.id = p_workspace_id
    union
    select member.user_id
    from public.workspace_members as member
    where member.workspace_id = p_workspace_id
      and member.role in ('owner', 'admin')
  )
$$;

comment on function usage.alert_recipients(uuid) is 'Hook: returns the e-mail addresses that alerts of a workspace are sent to, each once: those of its owner and its admins.';

revoke execute on function usage.alert_recipients(uuid) from public;

-- hasura/sql/usage/application/member_role.sql
create or replace function usage.member_role(workspace_id uuid, user_id uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select member.role
  from public.workspace_members as member
  where member.workspace_id = member_role.workspace_id
    and member.user_id = member_role.user_id
$$;

comment on function usage.member_role(uuid, uuid) is 'Hook: returns the role of a user in a workspace: owner, admin, member or guest; null when the user is not a member. Everything in the product that has to know a membership calls it.';

revoke execute on function usage.member_role(uuid, uuid) from public;

-- hasura/sql/analytics/application/roll_application_activity.sql
create or replace function analytics.roll_application_activity(p_workspace_ids uuid[], p_hours timestamptz[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from analytics.channel_activity as counted
  using unnest(p_workspace_ids, p_hours) as due (workspace_id, hour)
  where counted.workspace_id = due.workspace_id
    and counted.hour = due.hour;
  insert into analytics.channel_activity (workspace_id, channel_id, hour, events, active_users, messages_count)
  select
    due.workspace_id,
    activity.channel_id,
    due.hour,
    count(*) filter (where activity.kind = 'event'),
    count(distinct activity.user_id),
    count(*) filter (where activity.kind = 'message')
  from unnest(p_workspace_ids, p_hours) as due (workspace_id, hour)
  join public.workspaces as workspace
    on workspace.id = due.workspace_id
  -- The offset keeps the subquery apart: each hour reads one range of one month's index.
  cross join lateral (
    select *
    from analytics.activity as given
    where given.workspace_id = due.workspace_id
      and given.occurred_at >= due.hour
      and given.occurred_at < due.hour + interval '1 hour'
      and given.channel_id is not null
    offset 0
  ) as activity
  group by due.workspace_id, activity.channel_id, due.hour;
end
$$;

comment on function analytics.roll_application_activity(uuid[], timestamptz[]) is 'Hook: recounts the given hours of the given workspaces in analytics.channel_activity. The arrays have the same length; position n of both names one hour of one workspace. analytics.roll_activity calls it, one caller at a time.';

revoke execute on function analytics.roll_application_activity(uuid[], timestamptz[]) from public;

-- hasura/sql/public/users/users_request_erasures.sql
create or replace trigger users_request_erasures
  after delete on public.users
  referencing old table as gone
  for each statement execute function analytics.request_erasures();

comment on trigger users_request_erasures on public.users is 'Requests the erasure of the events of deleted users.';

-- hasura/sql/public/workspaces/accept_invitation.sql
create or replace function public.accept_invitation(invitation_id uuid, hasura_session json)
returns setof public.workspace_invitations
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _invitation public.workspace_invitations;
begin
  -- The row lock makes a concurrent acceptance wait; it then finds the invitation accepted.
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
  into _invitation;
  if not found then
    -- The same answer for a wrong id, an invitation of another person and one that is over: the caller may not tell them apart.
    raise exception using
      errcode = '23U02',
      message = 'there is no open invitation of this id for you';
  end if;

  -- A member keeps the present role: an invitation neither raises nor lowers it.
  insert into public.workspace_members (workspace_id, user_id, role)
  values (_invitation.workspace_id, _invitation.accepted_by, _invitation.role)
  on conflict on constraint workspace_members_pkey do nothing;

  return next _invitation;
end
$$;

comment on function public.accept_invitation(uuid, json) is 'Makes the caller a member of the workspace that invited the e-mail address of the account, and returns the invitation. The new member counts like any other and is refused at the limit. Raises 23U02 when the caller has no open invitation of this id. Hasura calls it as the mutation accept_invitation.';

revoke execute on function public.accept_invitation(uuid, json) from public;

-- hasura/sql/public/workspaces/announce_workspace_member.sql
create or replace function public.announce_workspace_member()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.announce_member(old.workspace_id, old.user_id);
  return null;
end
$$;

comment on function public.announce_workspace_member() is 'Trigger function: tells the gateways that a membership has changed or ended. It has the rights of its owner, as the writer may have none in schema usage.';

revoke execute on function public.announce_workspace_member() from public;

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
  select workspace.name
  into new.workspace_name
  from public.workspaces as workspace
  where workspace.id = new.workspace_id;
  new.workspace_name := coalesce(new.workspace_name, '');
  return new;
end
$$;

comment on function public.name_invitation() is 'Trigger function: copies the name of the workspace into the invitation, for the invited user, who may not read the workspace.';

create or replace trigger workspace_invitations_name
  before insert on public.workspace_invitations
  for each row execute function public.name_invitation();

-- hasura/sql/public/workspaces/validate_time_zone.sql
create or replace function public.validate_time_zone()
returns trigger
language plpgsql
as $$
begin
  -- pg_timezone_names reads the whole zone database from disk, so a zone that a workspace has already is not looked up.
  if new.time_zone = 'UTC' or exists (select from public.workspaces as workspace where workspace.time_zone = new.time_zone) then
    return new;
  end if;
  if not exists (select from pg_catalog.pg_timezone_names as zone where zone.name = new.time_zone) then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

comment on function public.validate_time_zone() is 'Trigger function: raises check_violation (workspaces_time_zone_known) unless the time zone is a name of pg_timezone_names.';

create or replace trigger workspaces_validate_time_zone
  before insert or update of time_zone on public.workspaces
  for each row execute function public.validate_time_zone();
