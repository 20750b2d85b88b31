drop table billing.member_limits;
drop table billing.plan_graces;
drop table billing.subscription_add_ons;
drop table billing.limit_overrides;
drop table billing.period_anchors;
drop table billing.subscription_history;
drop table billing.subscriptions;
