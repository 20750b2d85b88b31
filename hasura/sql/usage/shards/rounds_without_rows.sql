create or replace function usage.rounds_without_rows()
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 32
$$;

comment on function usage.rounds_without_rows() is 'How often one that is short waits for a slot with nothing in hand. Others use up slots meanwhile, so it comes to an end; behind it one waits with the rows, where a deadlock is possible again';

revoke execute on function usage.rounds_without_rows() from public;
