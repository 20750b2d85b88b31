drop table usage.reconciliations;
drop table usage.peaks;
drop table usage.counter_tallies;
drop table usage.counter_entries;
drop table usage.counter_slots;
drop table usage.counters;
