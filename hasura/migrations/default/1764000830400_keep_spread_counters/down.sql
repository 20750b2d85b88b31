create or replace function usage.spread_counter(
  p_workspace_id uuid,
  p_metric text,
  p_slots integer default 16
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_slots not between 0 and 64 then
    raise exception using
      errcode = '22023',
      message = 'a counter has 0 to 64 slots';
  end if;
  perform 1
  from usage.metrics m
  where m.key = p_metric
    and m.kind = 'counter'
    and m.feed = 'rows';
  if not found then
    raise exception using
      errcode = '22023',
      message = format('"%s" is no counter that rows feed: a gauge''s peak and the gate''s decisions need one row', p_metric);
  end if;
  perform usage.take_slowly(p_workspace_id, p_metric, 0, true, p_slots::smallint);
end
$$;
