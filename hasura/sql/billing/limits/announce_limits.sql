create or replace function billing.announce_limits()
returns trigger
language plpgsql
as $$
declare
  -- Above this, one notification that drops all limits costs every listener less.
  _maximum constant integer := 100;
  _workspaces uuid[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from new_rows as changed;
    when 'DELETE' then
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from old_rows as changed;
    else
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from (
        select new_rows.workspace_id
        from new_rows
        union all
        select old_rows.workspace_id
        from old_rows
      ) as changed;
  end case;
  if cardinality(_workspaces) > _maximum then
    perform pg_notify('hasura_usage_limits', '*');
  else
    perform pg_notify('hasura_usage_limits', named.workspace_id::text)
    from unnest(_workspaces) as named (workspace_id);
  end if;
  return null;
end
$$;

comment on function billing.announce_limits() is 'Notifies the channel hasura_usage_limits with the id of each workspace whose limits changed, at the commit, so that caches drop them; with * above 100 workspaces.';

create or replace trigger limit_overrides_announce_delete
  after delete on billing.limit_overrides
  referencing old table as old_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger limit_overrides_announce_insert
  after insert on billing.limit_overrides
  referencing new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger limit_overrides_announce_update
  after update on billing.limit_overrides
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_delete
  after delete on billing.subscriptions
  referencing old table as old_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.announce_limits();
