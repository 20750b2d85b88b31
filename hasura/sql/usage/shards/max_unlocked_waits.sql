create or replace function usage.max_unlocked_waits()
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 32
$$;

comment on function usage.max_unlocked_waits() is 'Returns how many times a transaction waits for a shard without holding the counter''s row before it waits with it. Other writers may use up the shards between two attempts, so the number is bounded; a deadlock (40P01) is possible only in the last wait. Called by usage.add_beyond_headroom, usage.add_many and usage.gate_open_counters';

revoke execute on function usage.max_unlocked_waits() from public;
