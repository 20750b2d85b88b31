drop function usage.prune_webhooks(timestamptz);
drop table usage.webhook_attempts;
drop table usage.webhook_deliveries;
drop table usage.webhook_secrets;
drop table usage.webhook_endpoints;
drop function usage.cancel_webhooks();
drop function usage.clear_webhook_failure();
