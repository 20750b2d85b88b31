create or replace function usage.split_counter(
  p_workspace_id uuid,
  p_metric text,
  p_shards integer default 16
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_shards not between 0 and 64 then
    raise exception using
      errcode = '22023',
      message = 'a counter has 0 to 64 shards';
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
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0, true, p_shards::smallint);
  -- Whether it is in a hurry is measured from here on.
  update usage.counters c
  set
    measured_at = clock_timestamp(),
    measured_used = t.used
  from usage.counter_totals t
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.shards > 0
    and t.workspace_id = c.workspace_id
    and t.metric = c.metric
    and t.period_start = c.period_start
    and c.period_start = (
      select p.period_start
      from usage.period(p_workspace_id) p
    );
end
$$;

comment on function usage.split_counter(uuid, text, integer) is 'Spreads a counter of the present period over so many shards at once, or folds it with 0, instead of waiting for its writers to be in each other''s way';

revoke execute on function usage.split_counter(uuid, text, integer) from public;
