drop table usage.webhook_attempts;
drop table usage.webhook_deliveries;
drop table usage.webhook_secrets;
drop table usage.webhook_endpoints;
