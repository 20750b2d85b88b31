drop table usage.alert_emails;
