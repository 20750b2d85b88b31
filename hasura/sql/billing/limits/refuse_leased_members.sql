create or replace function billing.refuse_leased_members()
returns trigger
language plpgsql
as $$
begin
  if exists (
    select
    from usage.metrics m
    join billing.member_limits l on l.metric = m.key
    where m.leased
  ) then
    raise exception using
      errcode = 'check_violation',
      constraint = 'member_limits_not_leased',
      message = 'a leased metric cannot have limits of members: its units are taken before anybody uses them';
  end if;
  return null;
end
$$;

comment on function billing.refuse_leased_members() is 'Keeps limits of members and leases apart.';

create or replace trigger member_limits_refuse_leased
  after insert or update of metric on billing.member_limits
  for each statement
  execute function billing.refuse_leased_members();

create or replace trigger metrics_refuse_leased_members
  after insert or update of leased on usage.metrics
  for each statement
  execute function billing.refuse_leased_members();
