drop view usage.subscription_usage;
drop view usage.history;
drop view usage.current;
drop function usage.status_of(numeric);
