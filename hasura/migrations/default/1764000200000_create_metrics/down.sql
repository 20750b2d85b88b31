drop table usage.cron_runs;
drop table usage.meters;
drop table usage.metrics;
drop schema usage;
