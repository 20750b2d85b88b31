drop table usage.alert_emails;
drop table usage.alert_levels;
drop table usage.alert_rules;
drop table usage.alerts;
