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
