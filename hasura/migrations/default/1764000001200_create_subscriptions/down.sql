drop table billing.subscription_history;
drop table billing.subscriptions;
drop function billing.record_subscription();
