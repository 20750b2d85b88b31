create or replace function analytics.drop_months(p_at timestamptz)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _before timestamptz;
  _dropped text[] := array[]::text[];
  _month record;
begin
  -- One call at a time: a delivery that comes twice would look for a month that the other one has just dropped.
  perform pg_advisory_xact_lock(hashtextextended('analytics.drop_months', 0));
  perform set_config('lock_timeout', '2s', true);
  -- A caller whose clock runs ahead drops nothing early.
  select least(p_at, now()) - make_interval(days => retention.keep_days)
  into _before
  from analytics.retention
  where retention.table_name = 'events';
  for _month in
    select
      part.relname as name,
      (regexp_match(pg_get_expr(part.relpartbound, part.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz as until
    from pg_inherits as inheritance
    join pg_class as part
      on part.oid = inheritance.inhrelid
    where inheritance.inhparent = 'analytics.events'::regclass
    order by part.relname
  loop
    continue when _month.until > _before;
    begin
      execute format('drop table analytics_months.%I', _month.name);
      _dropped := _dropped || _month.name::text;
    exception
      -- While it waits for its lock it blocks every reader and writer of events, so it gives up; the next run tries again.
      when lock_not_available then null;
    end;
  end loop;
  return _dropped;
end
$$;

comment on function analytics.drop_months(timestamptz) is 'Drops the partitions of analytics.events that ended longer before p_at than events are kept; returns their names. Waits at most 2 s for the lock of a month and leaves it to the next call otherwise. So an event is kept for its days and at most a month more. The job analytics_apply_retention calls it.';

revoke execute on function analytics.drop_months(timestamptz) from public;
