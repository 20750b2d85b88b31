create or replace function usage.member_reserved(p_workspace_id uuid, p_metric text, p_member_id uuid)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(r.amount), 0)::bigint
    from usage.reservations r
    where r.workspace_id = p_workspace_id
      and r.metric = p_metric
      and r.member_id = p_member_id
      and r.status = 'held'
      and r.expires_at > now()
      and r.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.member_reserved(uuid, text, uuid) is 'What live reservations hold of a metric for a member, without the one that this transaction draws on';

revoke execute on function usage.member_reserved(uuid, text, uuid) from public;
