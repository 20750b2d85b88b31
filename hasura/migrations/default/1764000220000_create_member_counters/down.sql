drop table usage.member_counter_log_totals;
drop table usage.member_counter_log;
drop table usage.member_counters;
drop table usage.member_meters;
