drop function usage.add(uuid, text, bigint, boolean);
drop function usage.note_peak(uuid, text, bigint, bigint, timestamptz);
drop function usage.lock_counter(uuid, text, timestamptz);
drop function usage.held(uuid, text);
