create or replace function usage.reserved_amount(workspace_id uuid, metric text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(sum(r.amount), 0)::bigint
    from usage.reservations r
    where r.workspace_id = $1
      and r.metric = $2
      and r.status = 'held'
      and r.expires_at > now()
      and r.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.reserved_amount(uuid, text) is 'What live reservations hold of a metric, without the reservation that this transaction draws on (setting usage.reservation_id)';

revoke execute on function usage.reserved_amount(uuid, text) from public;
