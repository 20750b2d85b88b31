create or replace function analytics.drop_months(p_at timestamptz)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz;
  v_dropped text[] := '{}';
  v_month record;
begin
  -- A delivery that comes twice would look for a month that the other one has just dropped.
  perform pg_advisory_xact_lock(hashtextextended('analytics.drop_months', 0));
  perform set_config('lock_timeout', '2s', true);
  select least(p_at, now()) - make_interval(days => retention.keep_days)
  into v_before
  from analytics.retention
  where retention.table_name = 'events';
  for v_month in
    select
      part.relname as name,
      (regexp_match(pg_get_expr(part.relpartbound, part.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz as until
    from pg_inherits
    join pg_class as part
      on part.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'analytics.events'::regclass
    order by part.relname
  loop
    continue when v_month.until > v_before;
    begin
      execute format('drop table analytics_months.%I', v_month.name);
      v_dropped := v_dropped || v_month.name;
    exception
      -- it would lock every reader and writer of events out while it waits; the next run comes soon enough
      when lock_not_available then null;
    end;
  end loop;
  return v_dropped;
end
$$;

comment on function analytics.drop_months(timestamptz) is 'Drops the months of events that ended longer ago than events are kept, and returns them. So a row stays for its days and at most a month more.';

revoke execute on function analytics.drop_months(timestamptz) from public;
