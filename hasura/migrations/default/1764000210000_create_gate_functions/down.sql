drop function usage.gate(text, bigint, text, uuid, uuid, json);
drop function usage.gate_many(jsonb);
drop function usage.gate_lock(uuid, text, boolean);
drop function usage.upgrade_for(uuid, text, bigint);
