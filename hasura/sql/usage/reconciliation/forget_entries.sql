create or replace function usage.forget_entries()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.counter_entries;
  else
    delete from usage.counter_entries e
    using gone g
    where e.workspace_id = g.id;
  end if;
  return null;
end
$$;

revoke execute on function usage.forget_entries() from public;

create or replace trigger usage_forget_entries_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement
  execute function usage.forget_entries();

create or replace trigger usage_forget_entries_truncate
  after truncate on public.workspaces
  for each statement
  execute function usage.forget_entries();
