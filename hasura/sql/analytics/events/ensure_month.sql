create or replace function analytics.ensure_month(at timestamptz)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from constant timestamptz := date_trunc('month', at, 'UTC');
  v_until constant timestamptz := (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  v_name constant text := to_char(v_from at time zone 'UTC', '"events_y"YYYY"m"MM');
begin
  if to_regclass('analytics_months.' || v_name) is not null then
    return v_name;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('analytics.ensure_month', 0));
  -- Whoever held the lock may have made it. A query sees that; the cache behind to_regclass remembers that it was not there.
  perform 1
  from pg_class
  where relnamespace = 'analytics_months'::regnamespace
    and relname = v_name;
  if found then
    return v_name;
  end if;
  -- Made beside the parent and attached: "partition of" would lock the parent against every reader and writer.
  execute format('create table analytics_months.%I (like analytics.events including defaults)', v_name);
  execute format('alter table analytics.events attach partition analytics_months.%I for values from (%L) to (%L)', v_name, v_from, v_until);
  return v_name;
end
$$;

comment on function analytics.ensure_month(timestamptz) is 'Makes the partition of the UTC month of a moment unless it is there; returns its name. Insert into a month in a later command.';

revoke execute on function analytics.ensure_month(timestamptz) from public;
