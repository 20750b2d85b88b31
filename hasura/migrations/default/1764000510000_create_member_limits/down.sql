drop function billing.member_limit_of(uuid, text, timestamptz);
drop table billing.member_limits;
