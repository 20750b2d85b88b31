create or replace function usage.announce_member(workspace_id uuid, user_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(
    'hasura_usage_access',
    'member:' || announce_member.workspace_id || ':' || announce_member.user_id
  )
$$;

comment on function usage.announce_member(uuid, uuid) is 'Tells every gateway, when the transaction commits, to forget what usage.member_role said of this user in this workspace, and to end the sockets that it no longer allows. Call it from a trigger of the table that usage.member_role reads, after an update or delete. Without it a gateway notices a change of membership for new requests within 5 s and for open sockets not before their token expires.';
