create or replace function usage.forget_counter_log()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.counter_log;
  else
    delete from usage.counter_log e
    using gone g
    where e.workspace_id = g.id;
  end if;
  return null;
end
$$;

revoke execute on function usage.forget_counter_log() from public;

create or replace trigger usage_forget_counter_log_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement
  execute function usage.forget_counter_log();

create or replace trigger usage_forget_counter_log_truncate
  after truncate on public.workspaces
  for each statement
  execute function usage.forget_counter_log();
