create or replace function usage.reserved_by_all(p_workspace_id uuid, p_metric text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(reservation.amount), 0)::bigint
    from usage.reservations as reservation
    where reservation.workspace_id = p_workspace_id
      and reservation.metric = p_metric
      and reservation.status = 'held'
      and reservation.expires_at > now()
  );
end
$$;

comment on function usage.reserved_by_all(uuid, text) is 'Units of a metric that all live reservations of a workspace hold, also the one that this transaction draws on. Called by usage.add_locked: headroom is granted for other transactions too, so no reservation may be left out';

revoke execute on function usage.reserved_by_all(uuid, text) from public;
