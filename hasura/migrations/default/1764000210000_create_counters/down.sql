drop table usage.reconciliations;
drop table usage.peaks;
drop table usage.counter_log_totals;
drop table usage.counter_log;
drop table usage.counter_shards;
drop table usage.counters;
