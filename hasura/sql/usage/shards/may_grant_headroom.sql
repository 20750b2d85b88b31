create or replace function usage.may_grant_headroom(p_workspace_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- An older snapshot may miss the present limit, and a transaction that draws on a reservation leaves that one out of the
  -- sum: neither decides for others.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted')
    or coalesce(current_setting('usage.reservation_id', true), '') <> ''
    or not pg_try_advisory_xact_lock_shared(hashtextextended('billing.plan_limits', 0))
  then
    return false;
  end if;
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for share skip locked;
  return found;
end
$$;

comment on function usage.may_grant_headroom(uuid) is 'Returns whether this transaction may grant headroom: true when it sees the limits of the workspace and, by two shared locks until it ends, they cannot change meanwhile. A change of limits holds the other side of these locks (usage.refresh_plan_limits, usage.refresh_workspace_limits); nobody waits for them here. Called by usage.grant_headroom';

revoke execute on function usage.may_grant_headroom(uuid) from public;
