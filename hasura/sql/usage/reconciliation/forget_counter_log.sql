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
    delete from usage.counter_log as addition
    using gone
    where addition.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function usage.forget_counter_log() is 'Deletes the logged additions of deleted workspaces. The log has no foreign key that would do so: an addition costs one insert without an index.';

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
