create or replace function billing.announce_limits()
returns trigger
language plpgsql
as $$
declare
  -- Beyond that one word for all is cheaper for everybody who listens.
  c_most constant bigint := 100;
  v_workspaces uuid[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from new_rows as changed;
    when 'DELETE' then
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from old_rows as changed;
    else
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from (
        select new_rows.workspace_id from new_rows
        union all
        select old_rows.workspace_id from old_rows
      ) as changed;
  end case;
  if cardinality(v_workspaces) > c_most then
    perform pg_notify('hasura_usage_limits', '*');
  else
    perform pg_notify('hasura_usage_limits', named.workspace_id::text)
    from unnest(v_workspaces) as named (workspace_id);
  end if;
  return null;
end
$$;

comment on function billing.announce_limits() is 'Tells who keeps limits in memory (channel hasura_usage_limits) the id of each workspace whose limits changed, at the commit.';

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
