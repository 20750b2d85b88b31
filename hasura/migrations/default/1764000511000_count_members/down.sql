drop trigger member_limits_begin_members on billing.member_limits;
drop function usage.begin_limited_members();
drop function usage.take_members(uuid[], text[], uuid[], bigint[], boolean);
drop function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint);
drop function usage.member_held(uuid, text, uuid);
drop function usage.begin_members(uuid, text);
drop function usage.recount_members(uuid, text);
drop function usage.meter_member_branch(usage.meters, text, integer);

alter table usage.reservations drop column member_id;
alter table usage.meters drop column member_expression;

drop table usage.member_tallies;
drop table usage.member_entries;
drop table usage.member_counters;
drop table usage.member_meters;
