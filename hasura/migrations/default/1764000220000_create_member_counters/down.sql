drop table usage.member_tallies;
drop table usage.member_entries;
drop table usage.member_counters;
drop table usage.member_meters;
