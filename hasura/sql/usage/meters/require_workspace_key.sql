create or replace function usage.require_workspace_key(p_parent regclass, p_key text, p_workspace text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
begin
  if exists (
    select
    from pg_index as index
    where index.indrelid = p_parent
      and index.indisunique
      and index.indimmediate
      and index.indisvalid
      and index.indpred is null
      and index.indexprs is null
      and index.indnkeyatts = 2
      and (
        select array_agg(attribute.attname::text order by attribute.attname::text collate "C")
        from pg_attribute as attribute
        where attribute.attrelid = p_parent
          and attribute.attnum = any (index.indkey[0:1])
      ) = (
        select array_agg(wanted.name order by wanted.name collate "C")
        from unnest(array[p_key, p_workspace]) as wanted (name)
      )
  ) then
    return;
  end if;
  select class.relname::text
  into _relation
  from pg_class as class
  where class.oid = p_parent;
  -- A name of at most 63 bytes.
  if octet_length(_relation) > 43 then
    _relation := left(md5(_relation), 12);
  end if;
  execute format(
    'alter table %s add constraint %I unique (%I, %I)',
    p_parent, _relation || '_usage_workspace_key', p_key, p_workspace
  );
end
$$;

comment on function usage.require_workspace_key(regclass, text, text) is 'Makes the key and the workspace of a parent unique together, which a foreign key needs that carries a move to the children. Then a change of the workspace takes a lock that excludes the lock of a new child, and no other update of the parent does.';

revoke execute on function usage.require_workspace_key(regclass, text, text) from public;
