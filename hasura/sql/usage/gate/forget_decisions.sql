create or replace function usage.forget_decisions()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.ledger;
    delete from usage.api_calls;
  else
    delete from usage.ledger
    using gone
    where ledger.workspace_id = gone.id;
    delete from usage.api_calls
    using gone
    where api_calls.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function usage.forget_decisions() is 'Trigger function: deletes the rows that usage.ledger and usage.api_calls keep for deleted workspaces. These two tables have no foreign key that would cascade.';

revoke execute on function usage.forget_decisions() from public;

create or replace trigger usage_forget_decisions_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement
  execute function usage.forget_decisions();

create or replace trigger usage_forget_decisions_truncate
  after truncate on public.workspaces
  for each statement
  execute function usage.forget_decisions();
