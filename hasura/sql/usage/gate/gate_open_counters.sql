create or replace function usage.gate_open_counters(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_busy text;
begin
  -- Only what rows feed is ever spread, and only a hold asks for headroom there: other requests need no way back.
  perform 1
  from unnest(p_lines) as line
  where line.feed = 'rows'
    and line.op = 'reserve'
    and line.reason is null
  limit 1;
  if found then
    for _round in 1..usage.max_unlocked_waits() loop
      begin
        return usage.gate_lock_counters(p_lines, false);
      exception when sqlstate 'HU002' then
        get stacked diagnostics v_busy = pg_exception_detail;
      end;
      perform usage.await_shard(v_busy::jsonb);
    end loop;
  end if;
  return usage.gate_lock_counters(p_lines, true);
end
$$;

comment on function usage.gate_open_counters(usage.gate_line[]) is 'What usage.gate_lock_counters says, with nothing in hand while it waits for shards in use';

revoke execute on function usage.gate_open_counters(usage.gate_line[]) from public;
