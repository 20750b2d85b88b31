drop table billing.plan_graces;

alter table billing.subscriptions drop constraint subscriptions_past_due_until_of_past_due;
drop trigger subscriptions_prepare_grace on billing.subscriptions;
drop function billing.prepare_grace();
alter table billing.subscriptions drop column past_due_until;
alter table billing.plans drop column past_due_grace_days;
