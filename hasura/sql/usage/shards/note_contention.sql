create or replace function usage.note_contention(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_started_at timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _contention smallint;
begin
  update usage.counters as counter
  set
    contention = case when counter.contention_since > p_started_at - interval '1 second' then least(counter.contention + 1, 1000) else 1 end,
    contention_since = case when counter.contention_since > p_started_at - interval '1 second' then counter.contention_since else p_started_at end
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start
  returning counter.contention
  into _contention;
  if _contention >= 8 then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
  end if;
end
$$;

comment on function usage.note_contention(uuid, text, timestamptz, timestamptz) is 'Records that an addition, begun at p_started_at, waited for the counter''s row, which its transaction now has locked; the eighth wait within a second splits the counter. Called by the insert triggers of meters; usage.add records its own waits in its update';

revoke execute on function usage.note_contention(uuid, text, timestamptz, timestamptz) from public;
