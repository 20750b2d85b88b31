drop table usage.metrics;
