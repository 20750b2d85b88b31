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
  constraint plans_pkey primary key (id),
  constraint plans_rank_key unique (rank) deferrable initially immediate,
  constraint plans_price_cents_not_negative check (price_cents >= 0 and yearly_price_cents >= 0),
  constraint plans_rate_limit_per_minute_positive check (rate_limit_per_minute > 0),
  constraint plans_max_file_bytes_not_negative check (max_file_bytes >= 0)
);

comment on table billing.plans is 'Plans by rank; an upgrade goes to a higher rank.';
comment on column billing.plans.price_on_request is 'Tells a price of 0 that means "ask us" from one that means "free".';
comment on column billing.plans.max_file_bytes is 'Largest single upload; null is unlimited.';

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
  constraint plan_limits_pkey primary key (plan_id, metric),
  constraint plan_limits_plan_id_fkey foreign key (plan_id) references billing.plans (id) on delete cascade,
  constraint plan_limits_metric_not_empty check (metric <> ''),
  constraint plan_limits_limit_value_not_negative check (limit_value >= 0),
  constraint plan_limits_enforcement_known check (enforcement in ('hard', 'soft'))
);

create index plan_limits_metric_idx on billing.plan_limits (metric);

comment on table billing.plan_limits is 'The most of a metric that a plan allows; no row means not included.';
comment on column billing.plan_limits.limit_value is 'In the unit of the metric; null is unlimited.';
comment on column billing.plan_limits.enforcement is 'hard refuses at the limit, soft only tells.';
