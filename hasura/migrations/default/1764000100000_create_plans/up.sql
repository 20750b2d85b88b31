create schema billing;

comment on schema billing is 'What a workspace has bought and what that allows.';

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

comment on table billing.plans is 'Plans by rank; an upgrade goes to a higher rank.';
comment on column billing.plans.price_on_request is 'Tells a price of 0 that means "ask us" from one that means "free".';
comment on column billing.plans.max_file_bytes is 'Largest single upload; null is unlimited.';
comment on column billing.plans.past_due_grace_days is 'How long a subscription that is past due keeps the plan; then the workspace is on free.';

create table billing.features (
  key text not null,
  title text not null,
  description text not null default '',
  created_at timestamptz not null default now(),
  constraint features_pkey primary key (key)
);

comment on table billing.features is 'Yes/no capabilities.';

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

comment on table billing.plan_limits is 'The most of a metric that a plan allows; no row means not included.';
comment on column billing.plan_limits.limit_value is 'In the unit of the metric; null is unlimited.';
comment on column billing.plan_limits.enforcement is 'hard refuses at the limit; soft tells, counts the overage and refuses at the overage cap, if there is one.';
comment on column billing.plan_limits.overage_cap is 'How much above a soft limit is let through; null is no ceiling.';
comment on column billing.plan_limits.trial_limit_value is 'The limit while the subscription is trialing; null: as the plan''s.';

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
