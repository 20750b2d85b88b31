create or replace function usage.parent_of(
  p_table regclass,
  p_parent regclass,
  p_foreign_key text,
  p_parent_workspace text
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _key record;
begin
  if p_table = p_parent then
    raise exception using
      errcode = '22023',
      message = format('%s cannot take its workspace from itself: its first row would have none', p_table);
  end if;
  select
    parent_key.attname as name,
    foreign_key.confdeltype as deletes,
    foreign_key.condeferrable as is_deferrable,
    foreign_key.condeferred as is_deferred,
    usage.qualified_operator(foreign_key.conpfeqop[1]) as equals
  into _key
  from pg_constraint as foreign_key
  join pg_attribute as child_key
    on child_key.attrelid = foreign_key.conrelid
    and child_key.attnum = foreign_key.conkey[1]
  join pg_attribute as parent_key
    on parent_key.attrelid = foreign_key.confrelid
    and parent_key.attnum = foreign_key.confkey[1]
  where foreign_key.conrelid = p_table
    and foreign_key.confrelid = p_parent
    and foreign_key.contype = 'f'
    and cardinality(foreign_key.conkey) = 1
    and child_key.attname = p_foreign_key;
  if not found then
    raise exception using
      errcode = '22023',
      message = format('%s has no foreign key of the one column "%s" to %s', p_table, p_foreign_key, p_parent);
  end if;
  if _key.deletes not in ('a', 'c', 'r') then
    raise exception using
      errcode = '22023',
      message = format('the foreign key "%s" of %s is set to null or to its default when a row of %s is deleted, but a row without a parent has no workspace: use on delete cascade, restrict or no action', p_foreign_key, p_table, p_parent);
  end if;
  if _key.name = p_parent_workspace then
    raise exception using
      errcode = '22023',
      message = format('"%s" of %s is the workspace itself: attach the meter with p_workspace => %L', p_foreign_key, p_table, quote_ident(p_foreign_key));
  end if;
  if not exists (
    select
    from pg_attribute as attribute
    where attribute.attrelid = p_parent
      and attribute.attname = p_parent_workspace
      and attribute.attnum > 0
      and attribute.atttypid = 'uuid'::regtype
  ) then
    raise exception using
      errcode = '22023',
      message = format('%s has no column "%s" of type uuid; %s', p_parent, p_parent_workspace, usage.suggest_workspace_column(p_parent));
  end if;
  return jsonb_build_object(
    'table', p_table,
    'parent', p_parent,
    'foreign_key', quote_ident(p_foreign_key),
    'parent_key', quote_ident(_key.name),
    'parent_key_name', _key.name,
    'parent_workspace', quote_ident(p_parent_workspace),
    'equals', _key.equals,
    'on_delete', case _key.deletes when 'c' then 'cascade' when 'r' then 'restrict' else 'no action' end,
    'checked', case
      when _key.is_deferred then 'deferrable initially deferred'
      when _key.is_deferrable then 'deferrable'
      else 'not deferrable'
    end
  );
end
$$;

comment on function usage.parent_of(regclass, regclass, text, text) is 'How the rows of a table find the workspace of their parent, by the foreign key between the two, as values for usage.fill_meter_template. SQLSTATE 22023 where they cannot.';

revoke execute on function usage.parent_of(regclass, regclass, text, text) from public;
