create or replace function usage.begin_limited_members()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.begin_members(new.workspace_id, new.metric)
  from usage.metrics as metric
  where metric.key = new.metric;
  return null;
end
$$;

comment on function usage.begin_limited_members() is 'Starts to count the members of a workspace in the transaction that limits them. A plan has any number of workspaces: under its limit each starts with its next use';

revoke execute on function usage.begin_limited_members() from public;

create or replace trigger member_limits_begin_members
  after insert or update on billing.member_limits
  for each row
  when (new.workspace_id is not null)
  execute function usage.begin_limited_members();
