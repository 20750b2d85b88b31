create schema billing;

comment on schema billing is 'Plans, subscriptions and what they allow a workspace to use.';

create table billing.plans (
  id text not null,
  name text not null,
  description text not null default '',
  rank integer not null,
  price_cents integer not null default 0,
  yearly_price_cents integer not null default 0,
  price_on_request boolean not null default false,
  rate_limit_per_minute integer not null,
  max_file_bytes bigint,
  max_call_participants integer,
  is_public boolean not null default true,
  created_at timestamptz not null default now(),
  past_due_grace_days integer not null default 14,
  constraint plans_pkey primary key (id),
  constraint plans_rank_key unique (rank) deferrable initially immediate,
  constraint plans_price_cents_not_negative check (price_cents >= 0 and yearly_price_cents >= 0),
  constraint plans_rate_limit_per_minute_positive check (rate_limit_per_minute > 0),
  constraint plans_max_file_bytes_not_negative check (max_file_bytes >= 0),
  constraint plans_past_due_grace_days_range check (past_due_grace_days between 0 and 365)
);

comment on table billing.plans is 'Plans, ordered by rank. A higher rank is an upgrade.';
comment on column billing.plans.price_on_request is 'Tells a price of 0 that means "on request" from one that means "free".';
comment on column billing.plans.max_file_bytes is 'Largest single upload; null is unlimited.';
comment on column billing.plans.past_due_grace_days is 'Days for which a past due subscription keeps the plan. Afterwards the workspace is on free.';

create table billing.features (
  key text not null,
  title text not null,
  description text not null default '',
  created_at timestamptz not null default now(),
  constraint features_pkey primary key (key)
);

comment on table billing.features is 'Capabilities that a plan includes or lacks.';

create table billing.plan_features (
  plan_id text not null,
  feature text not null,
  created_at timestamptz not null default now(),
  constraint plan_features_pkey primary key (plan_id, feature),
  constraint plan_features_plan_id_fkey foreign key (plan_id) references billing.plans (id) on delete cascade,
  constraint plan_features_feature_fkey foreign key (feature) references billing.features (key) on delete cascade
);

create index plan_features_feature_idx on billing.plan_features (feature);

comment on table billing.plan_features is 'A row means that the plan includes the feature.';

create table billing.plan_limits (
  plan_id text not null,
  metric text not null,
  limit_value bigint,
  enforcement text not null default 'hard',
  created_at timestamptz not null default now(),
  overage_cap bigint,
  trial_limit_value bigint,
  constraint plan_limits_pkey primary key (plan_id, metric),
  constraint plan_limits_plan_id_fkey foreign key (plan_id) references billing.plans (id) on delete cascade,
  constraint plan_limits_metric_not_empty check (metric <> ''),
  constraint plan_limits_limit_value_not_negative check (limit_value >= 0),
  constraint plan_limits_enforcement_known check (enforcement in ('hard', 'soft')),
  constraint plan_limits_overage_cap_not_negative check (overage_cap >= 0),
  constraint plan_limits_overage_cap_of_soft check (
    overage_cap is null
    or (enforcement = 'soft' and limit_value is not null)
  ),
  constraint plan_limits_trial_limit_value_not_negative check (trial_limit_value >= 0)
);

create index plan_limits_metric_idx on billing.plan_limits (metric);

comment on table billing.plan_limits is 'How much of a metric a plan allows. No row means not included.';
comment on column billing.plan_limits.limit_value is 'In the unit of the metric; null is unlimited.';
comment on column billing.plan_limits.enforcement is 'hard refuses use above the limit. soft allows it, counts it as overage, and refuses use above limit and overage cap.';
comment on column billing.plan_limits.overage_cap is 'Overage that a soft limit allows, in the unit of the metric; null is no ceiling.';
comment on column billing.plan_limits.trial_limit_value is 'Limit while the subscription is trialing; null keeps the limit of the plan.';

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

comment on table billing.add_ons is 'The catalogue of add-ons, each of which adds to the limit of one metric.';
comment on column billing.add_ons.amount is 'What one add-on adds to the limit, in the unit of the metric.';
comment on column billing.add_ons.price_cents is 'Price of one add-on a month.';
comment on column billing.add_ons.is_public is 'Whether the price list shows it. Others are for single customers.';
