create or replace function usage.reserved_by_all(p_workspace_id uuid, p_metric text)
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
      and r.status = 'held'
      and r.expires_at > now()
  );
end
$$;

comment on function usage.reserved_by_all(uuid, text) is 'What live reservations hold of a metric, whoever draws on them';

revoke execute on function usage.reserved_by_all(uuid, text) from public;
