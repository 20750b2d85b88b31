create or replace function usage.reserved_amount(p_workspace_id uuid, p_metric text)
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
      and reservation.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.reserved_amount(uuid, text) is 'Units of a metric that live reservations of a workspace hold, except the reservation that this transaction draws on (setting usage.reservation_id). Called by usage.add_locked, the gate, leases and corrections to decide on a limit';

revoke execute on function usage.reserved_amount(uuid, text) from public;
