create or replace function usage.may_grant_headroom(p_workspace_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted')
    or coalesce(current_setting('usage.reservation_id', true), '') <> ''
    or not pg_try_advisory_xact_lock_shared(hashtextextended('billing.plan_limits', 0))
  then
    return false;
  end if;
  perform 1
  from public.workspaces w
  where w.id = p_workspace_id
  for share skip locked;
  return found;
end
$$;

comment on function usage.may_grant_headroom(uuid) is 'Whether limits stand still until the end of this transaction; usage.refresh_alerts holds the other side of these locks';

revoke execute on function usage.may_grant_headroom(uuid) from public;
