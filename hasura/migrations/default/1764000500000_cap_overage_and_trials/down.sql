alter table billing.limit_overrides
  drop column overage_cap,
  drop column enforcement;

alter table billing.plan_limits
  drop column trial_limit_value,
  drop column overage_cap;

comment on column billing.plan_limits.enforcement is 'hard refuses at the limit, soft only tells.';
