create or replace function billing.prepare_add_on()
returns trigger
language plpgsql
as $$
begin
  select
    add_on.metric,
    add_on.amount
  into new.metric, new.unit_amount
  from billing.add_ons as add_on
  where add_on.id = new.add_on_id;
  if not found then
    raise exception using
      errcode = 'foreign_key_violation',
      constraint = 'subscription_add_ons_add_on_id_fkey',
      message = format('there is no add-on %s', new.add_on_id);
  end if;
  return new;
end
$$;

comment on function billing.prepare_add_on() is 'Copies metric and amount of an add-on into the purchase, so that a later change of the catalogue does not change what was sold. Raises foreign_key_violation for an unknown add-on.';

create or replace trigger subscription_add_ons_prepare_insert
  before insert on billing.subscription_add_ons
  for each row
  execute function billing.prepare_add_on();

create or replace trigger subscription_add_ons_prepare_update
  before update on billing.subscription_add_ons
  for each row
  when (old.add_on_id is distinct from new.add_on_id)
  execute function billing.prepare_add_on();
