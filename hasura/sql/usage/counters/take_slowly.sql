create or replace function usage.take_slowly(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true,
  p_slots smallint default null::smallint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy text;
begin
  -- Nothing is kept while waiting, for some rounds: without a share left, slots only come back.
  for _round in 1..usage.rounds_without_rows() loop
    perform 1
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start <= now()
      and c.granted > 0
    limit 1;
    exit when not found;
    begin
      perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_slot(_busy::jsonb);
  end loop;
  perform usage.take_under_lock(p_workspace_id, p_metric, p_amount, p_enforce, p_slots, true);
end
$$;

comment on function usage.take_slowly(uuid, text, bigint, boolean, smallint) is 'Adds where the room does not do, by usage.take_under_lock, and waits for slots in use without the counter''s row. Amount 0 only looks; slots given spread the counter over so many';

revoke execute on function usage.take_slowly(uuid, text, bigint, boolean, smallint) from public;
