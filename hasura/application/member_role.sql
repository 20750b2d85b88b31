create or replace function usage.member_role(workspace_id uuid, user_id uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select role.name
  from {{member_table}} as member
  cross join lateral (
    select case lower(({{member_role_column}})::text)
        when 'owner' then 'owner'
        when 'admin' then 'admin'
        when 'guest' then 'guest'
        -- Any other role is an ordinary member. Name the roles here that may administer the workspace.
        else 'member'
      end
  ) as role (name)
  where member.{{member_tenant_column}} = member_role.workspace_id
    and member.{{member_user_column}} = member_role.user_id
  -- A person with several rows has the highest of their roles.
  order by array_position(array['owner', 'admin', 'member', 'guest'], role.name)
  limit 1
$$;

comment on function usage.member_role(uuid, uuid) is 'Hook: returns the role of a user in a workspace: owner, admin, member or guest; null when the user is not a member. Everything in the product that has to know a membership calls it.';

revoke execute on function usage.member_role(uuid, uuid) from public;
