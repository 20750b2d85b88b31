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
