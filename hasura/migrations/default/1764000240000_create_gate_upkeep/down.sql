drop function usage.prune(timestamptz);
drop function usage.expire_reservations();
drop function usage.suggest_upgrade(uuid);
