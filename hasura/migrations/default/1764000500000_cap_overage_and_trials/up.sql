alter table billing.plan_limits
  add column overage_cap bigint,
  add column trial_limit_value bigint,
  add constraint plan_limits_overage_cap_not_negative check (overage_cap >= 0),
  add constraint plan_limits_overage_cap_of_soft check (
    overage_cap is null
    or (enforcement = 'soft' and limit_value is not null)
  ),
  add constraint plan_limits_trial_limit_value_not_negative check (trial_limit_value >= 0);

comment on column billing.plan_limits.enforcement is 'hard refuses at the limit; soft tells, counts the overage and refuses at the overage cap, if there is one.';
comment on column billing.plan_limits.overage_cap is 'How much above a soft limit is let through; null is no ceiling.';
comment on column billing.plan_limits.trial_limit_value is 'The limit while the subscription is trialing; null: as the plan''s.';

alter table billing.limit_overrides
  add column enforcement text,
  add column overage_cap bigint,
  add constraint limit_overrides_enforcement_known check (enforcement in ('hard', 'soft')),
  add constraint limit_overrides_overage_cap_not_negative check (overage_cap >= 0),
  add constraint limit_overrides_overage_cap_of_soft check (
    overage_cap is null
    or (enforcement is not distinct from 'soft' and limit_value is not null)
  );

comment on column billing.limit_overrides.enforcement is 'Null leaves enforcement and overage cap as the plan has them.';
comment on column billing.limit_overrides.overage_cap is 'How much above a soft limit is let through; null is no ceiling.';
