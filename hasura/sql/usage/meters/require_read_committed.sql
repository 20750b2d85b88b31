create or replace function usage.require_read_committed()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '22023',
      message = 'attach and detach meters in a read committed transaction';
  end if;
  return null;
end
$$;

comment on function usage.require_read_committed() is 'Refuses with SQLSTATE 22023 to change meters under a snapshot that may be older than the rows of the table.';

revoke execute on function usage.require_read_committed() from public;

create or replace trigger meters_require_read_committed
  before insert or delete on usage.meters
  for each statement
  execute function usage.require_read_committed();

create or replace trigger meters_require_read_committed_update
  before update on usage.meters
  for each statement
  execute function usage.require_read_committed();
