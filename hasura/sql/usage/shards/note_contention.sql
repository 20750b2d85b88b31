create or replace function usage.note_contention(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_asked_at timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _contention smallint;
begin
  update usage.counters c
  set
    contention = case when c.contention_since > p_asked_at - interval '1 second' then least(c.contention + 1, 1000) else 1 end,
    contention_since = case when c.contention_since > p_asked_at - interval '1 second' then c.contention_since else p_asked_at end
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start
  returning c.contention
  into _contention;
  if _contention >= 8 then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
  end if;
end
$$;

comment on function usage.note_contention(uuid, text, timestamptz, timestamptz) is 'Counts that an addition waited for the counter''s row, which it holds now; after eight within a second the counter is spread';

revoke execute on function usage.note_contention(uuid, text, timestamptz, timestamptz) from public;
