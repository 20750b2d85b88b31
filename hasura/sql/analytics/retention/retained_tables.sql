create or replace view analytics.retained_tables as
select
  kept.table_name,
  kept.keep_days,
  (
    select case
        when bool_or(attribute.attname = 'occurred_at') then 'occurred_at'
        when bool_or(attribute.attname = 'hour') then 'hour'
        when bool_or(attribute.attname = 'received_at') then 'received_at'
      end
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.atttypid = 'timestamptz'::regtype
  ) as time_column,
  exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.attname = 'workspace_id'
  ) as has_workspace_id,
  exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.attname = 'user_id'
  ) as has_user_id,
  exists (
    select
    from pg_catalog.pg_constraint as reference
    where reference.conrelid = relation.oid
      and reference.confrelid = 'public.workspaces'::regclass
      and reference.confdeltype = 'c'
  ) as references_workspaces
from (
  select retention.table_name, retention.keep_days
  from analytics.retention
  union all
  -- A key outlives its event, which goes with the rest of its month.
  select 'event_keys', retention.keep_days + 35
  from analytics.retention
  where retention.table_name = 'events'
) as kept
join pg_catalog.pg_class as relation
  on relation.relnamespace = 'analytics'::regnamespace
  and relation.relname = kept.table_name;

comment on view analytics.retained_tables is 'The tables whose rows retention, erasure and the deletion of workspaces apply to: those of analytics.retention, and event_keys.';
comment on column analytics.retained_tables.time_column is 'The column that the age of a row is counted from: occurred_at, hour or received_at. Null for a table without such a column.';
comment on column analytics.retained_tables.references_workspaces is 'Whether a foreign key deletes the rows of a deleted workspace.';
