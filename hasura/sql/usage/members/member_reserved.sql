create or replace function usage.member_reserved(p_workspace_id uuid, p_metric text, p_member_id uuid)
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
      and reservation.member_id = p_member_id
      and reservation.status = 'held'
      and reservation.expires_at > now()
      and reservation.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.member_reserved(uuid, text, uuid) is 'Units of a metric that live reservations hold for a member, except the reservation that this transaction draws on (setting usage.reservation_id). Called by usage.add_to_members, the gate and corrections';

revoke execute on function usage.member_reserved(uuid, text, uuid) from public;
