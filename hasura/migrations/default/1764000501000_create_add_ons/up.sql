create table billing.add_ons (
  id text not null,
  name text not null,
  description text not null default '',
  metric text not null,
  amount bigint not null,
  price_cents integer not null default 0,
  is_public boolean not null default true,
  created_at timestamptz not null default now(),
  constraint add_ons_pkey primary key (id),
  constraint add_ons_metric_not_empty check (metric <> ''),
  constraint add_ons_amount_positive check (amount > 0),
  constraint add_ons_price_cents_not_negative check (price_cents >= 0)
);

comment on table billing.add_ons is 'What may be bought on top of a plan.';
comment on column billing.add_ons.amount is 'What one of it adds to the limit, in the unit of the metric.';
comment on column billing.add_ons.price_cents is 'A month, for one of it.';
comment on column billing.add_ons.is_public is 'Whether it is on the price list; another one may be a single customer''s.';

-- What an add-on of a subscription belongs to must be of the same workspace.
alter table billing.subscriptions
  add constraint subscriptions_id_workspace_id_key unique (id, workspace_id);

create table billing.subscription_add_ons (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  subscription_id uuid,
  add_on_id text not null,
  metric text not null,
  unit_amount bigint not null,
  quantity integer not null default 1,
  starts_at timestamptz not null default now(),
  ends_at timestamptz,
  created_at timestamptz not null default now(),
  constraint subscription_add_ons_pkey primary key (id),
  constraint subscription_add_ons_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint subscription_add_ons_subscription_id_fkey foreign key (subscription_id, workspace_id)
    references billing.subscriptions (id, workspace_id) on delete cascade,
  constraint subscription_add_ons_add_on_id_fkey foreign key (add_on_id) references billing.add_ons (id),
  constraint subscription_add_ons_unit_amount_positive check (unit_amount > 0),
  constraint subscription_add_ons_quantity_range check (quantity between 1 and 1000000),
  constraint subscription_add_ons_ends_at_after_starts_at check (ends_at > starts_at)
);

create index subscription_add_ons_workspace_id_metric_idx on billing.subscription_add_ons (workspace_id, metric);
create index subscription_add_ons_subscription_id_idx on billing.subscription_add_ons (subscription_id);
create index subscription_add_ons_add_on_id_idx on billing.subscription_add_ons (add_on_id);

comment on table billing.subscription_add_ons is 'Add-ons that a workspace has bought; they add to the limit of its plan.';
comment on column billing.subscription_add_ons.subscription_id is 'Counts only while this subscription is live; null counts on any plan, free too.';
comment on column billing.subscription_add_ons.metric is 'As the add-on was when it was bought; the catalogue may change.';
comment on column billing.subscription_add_ons.unit_amount is 'As the add-on was when it was bought; the catalogue may change.';

create function billing.prepare_add_on() returns trigger
language plpgsql
as $$
begin
  select a.metric, a.amount
  into new.metric, new.unit_amount
  from billing.add_ons a
  where a.id = new.add_on_id;
  if not found then
    raise exception using
      errcode = 'foreign_key_violation',
      constraint = 'subscription_add_ons_add_on_id_fkey',
      message = format('there is no add-on %s', new.add_on_id);
  end if;
  return new;
end
$$;

comment on function billing.prepare_add_on() is 'Keeps what was bought as it was bought.';

create trigger subscription_add_ons_prepare_insert
before insert on billing.subscription_add_ons
for each row
execute function billing.prepare_add_on();

create trigger subscription_add_ons_prepare_update
before update on billing.subscription_add_ons
for each row
when (old.add_on_id is distinct from new.add_on_id)
execute function billing.prepare_add_on();

create trigger subscription_add_ons_refresh_alerts
after insert or update or delete on billing.subscription_add_ons
for each row
execute function usage.refresh_alerts();

create trigger subscription_add_ons_refresh_alerts_truncate
after truncate on billing.subscription_add_ons
for each statement
execute function usage.refresh_alerts();
