create or replace function usage.gate_open_counters(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy text;
begin
  -- Only counters that rows feed are split into shards, and only a reserve needs their headroom. Every other call skips
  -- the subtransaction.
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
        -- The subtransaction has ended, and with it the locks on counters: wait for the shard without them.
        get stacked diagnostics _busy = pg_exception_detail;
      end;
      perform usage.await_shard(_busy::jsonb);
    end loop;
  end if;
  return usage.gate_lock_counters(p_lines, true);
end
$$;

comment on function usage.gate_open_counters(usage.gate_line[]) is 'Returns the counters of usage.gate_lock_counters. Waits for shards in use without a lock on any counter, usage.max_unlocked_waits() times; after that with them. A step of usage.gate_many.';

revoke execute on function usage.gate_open_counters(usage.gate_line[]) from public;
