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
