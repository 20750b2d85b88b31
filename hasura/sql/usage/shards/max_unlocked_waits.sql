create or replace function usage.max_unlocked_waits()
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 32
$$;

comment on function usage.max_unlocked_waits() is 'How often one that is short waits for a shard with nothing in hand. Others use up shards meanwhile, so it comes to an end; behind it one waits with the rows, where a deadlock is possible again';

revoke execute on function usage.max_unlocked_waits() from public;
