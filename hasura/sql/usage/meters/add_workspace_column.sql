create or replace function usage.add_workspace_column(
  p_table regclass,
  p_parent regclass,
  p_foreign_key text,
  p_column text default 'workspace_id',
  p_parent_workspace text default 'workspace_id'
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb;
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '22023',
      message = 'add a workspace column in a read committed transaction';
  end if;
  perform usage.require_plain_table(p_table, 'have a workspace column');
  perform usage.require_plain_table(p_parent, 'give a workspace to other rows');
  if p_column is null or p_column = '' or octet_length(p_column) > 63 then
    raise exception using errcode = '22023', message = 'the name of a column has 1 to 63 bytes';
  end if;

  -- The parent before its rows, as a move of the parent takes them.
  execute format('lock table %s in share row exclusive mode', p_parent);
  execute format('lock table %s in access exclusive mode', p_table);
  if exists (
    select
    from pg_attribute as attribute
    where attribute.attrelid = p_table
      and attribute.attname = p_column
  ) then
    raise exception using errcode = '22023', message = format('%s has a column "%s" already', p_table, p_column);
  end if;
  if exists (
    select
    from pg_constraint as foreign_key
    where foreign_key.conrelid = p_table
      and foreign_key.conname = 'usage_workspace_fkey'
  ) then
    raise exception using errcode = '22023', message = format('%s has a workspace column already', p_table);
  end if;
  _values := usage.parent_of(p_table, p_parent, p_foreign_key, p_parent_workspace);

  perform usage.require_workspace_key(p_parent, _values ->> 'parent_key_name', p_parent_workspace);
  execute format('alter table %s add column %I uuid', p_table, p_column);
  execute format(
    'comment on column %s.%I is %L',
    p_table, p_column,
    format('The %s of the row of %s that %s refers to. Triggers keep it: a value that a client sends is ignored.', p_parent_workspace, p_parent, p_foreign_key)
  );
  _values := _values || jsonb_build_object('column', quote_ident(p_column), 'column_name', p_column);
  perform usage.fill_workspace_column(p_table, _values);
  execute usage.fill_meter_template('workspace_foreign_key', _values);
  perform usage.create_workspace_triggers(p_table);
end
$$;

comment on function usage.add_workspace_column(regclass, regclass, text, text, text) is 'Gives a table without a tenant column one that follows the workspace of its parent row: filled for the rows that exist, set by triggers for new and changed rows, moved along when the parent moves. p_foreign_key is the column that refers to the parent, p_column the new column, p_parent_workspace the uuid column of the parent. A row without such a parent is refused with 23U02. SQLSTATE 22023 says what the tables lack. Blocks both tables until the transaction ends.';

revoke execute on function usage.add_workspace_column(regclass, regclass, text, text, text) from public;
