drop table billing.add_ons;
drop table billing.plan_limits;
drop table billing.plan_features;
drop table billing.features;
drop table billing.plans;
drop schema billing;
