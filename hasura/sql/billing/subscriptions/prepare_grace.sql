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
        select plan.past_due_grace_days
        from billing.plans as plan
        where plan.id = new.plan_id
      )
    );
  end if;
  return new;
end
$$;

comment on function billing.prepare_grace() is 'Sets past_due_until of a subscription that becomes past due to now plus the grace days of its plan, unless the writer gives a moment. Clears it for every other status.';

create or replace trigger subscriptions_prepare_grace
  before insert or update on billing.subscriptions
  for each row
  execute function billing.prepare_grace();
