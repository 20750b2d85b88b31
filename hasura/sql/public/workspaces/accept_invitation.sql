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
