create or replace function usage.suggest_workspace_column(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    string_agg(
      format(
        'usage.add_workspace_column(%L, %L, %L)',
        p_table::text, foreign_key.confrelid::regclass::text, attribute.attname
      ),
      ' or ' order by attribute.attnum
    ),
    'usage.add_workspace_column(table, parent table, foreign key column)'
  ) || ' adds a workspace_id that is kept from a parent row'
  from pg_constraint as foreign_key
  join pg_attribute as attribute
    on attribute.attrelid = foreign_key.conrelid
    and attribute.attnum = foreign_key.conkey[1]
  where foreign_key.conrelid = p_table
    and foreign_key.contype = 'f'
    and foreign_key.confrelid <> p_table
    and cardinality(foreign_key.conkey) = 1
$$;

comment on function usage.suggest_workspace_column(regclass) is 'For an error message: the calls that would give a table a workspace column, one for each of its parents.';

revoke execute on function usage.suggest_workspace_column(regclass) from public;
