create or replace function billing.prepare_grace()
returns trigger
language plpgsql
as $$
begin
  if new.status <> 'past_due' then
    new.past_due_until := null;
  elsif new.past_due_until is null then
    new.past_due_until := now() + make_interval(
      days => (
        select p.past_due_grace_days
        from billing.plans p
        where p.id = new.plan_id
      )
    );
  end if;
  return new;
end
$$;

comment on function billing.prepare_grace() is 'The grace of a subscription begins when it becomes past due; a moment that is given stays.';

create or replace trigger subscriptions_prepare_grace
  before insert or update on billing.subscriptions
  for each row
  execute function billing.prepare_grace();
