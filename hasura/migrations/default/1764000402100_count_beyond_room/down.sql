drop function usage.take_slowly(uuid, text, bigint, boolean, smallint);
drop function usage.held_by_all(uuid, text);
drop function usage.grant_slots(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz);
drop function usage.may_grant_room(uuid);
drop function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean);
