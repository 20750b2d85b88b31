create or replace function billing.refuse_leased_members()
returns trigger
language plpgsql
as $$
begin
  if exists (
    select
    from usage.metrics as metric
    join billing.member_limits as limited
      on limited.metric = metric.key
    where metric.leased
  ) then
    raise exception using
      errcode = 'check_violation',
      constraint = 'member_limits_not_leased',
      message = 'a leased metric cannot have limits of members: its units are taken before anybody uses them';
  end if;
  return null;
end
$$;

comment on function billing.refuse_leased_members() is 'Raises check_violation where a leased metric has a limit for members: a lease counts units before it is known which member uses them.';

create or replace trigger member_limits_refuse_leased
  after insert or update of metric on billing.member_limits
  for each statement
  execute function billing.refuse_leased_members();

create or replace trigger metrics_refuse_leased_members
  after insert or update of leased on usage.metrics
  for each statement
  execute function billing.refuse_leased_members();
