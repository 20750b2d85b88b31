drop table billing.limit_overrides;
