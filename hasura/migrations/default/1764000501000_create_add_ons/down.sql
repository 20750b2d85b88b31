drop table billing.subscription_add_ons;
drop function billing.prepare_add_on();
alter table billing.subscriptions drop constraint subscriptions_id_workspace_id_key;
drop table billing.add_ons;
