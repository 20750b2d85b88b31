create or replace function usage.member_role(workspace_id uuid, user_id uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- No table says who is a member, so the signed token decides. This is safe because
  -- 1. callers pass the workspace and the user of a verified token, never ids of a request body;
  -- 2. nobody is more than a member: a token with the role workspace_admin is refused, whatever it claims;
  -- 3. an unknown workspace has no members.
  -- A person who leaves keeps access until the token expires: keep tokens short, or replace this function by one
  -- that reads a table of members.
  select 'member'
  from public.workspaces as workspace
  where workspace.id = member_role.workspace_id
    and member_role.user_id is not null
$$;

comment on function usage.member_role(uuid, uuid) is 'Hook: returns member for every user whom a verified token places in an existing workspace; else null. Call it with the ids of a verified token only.';

revoke execute on function usage.member_role(uuid, uuid) from public;
