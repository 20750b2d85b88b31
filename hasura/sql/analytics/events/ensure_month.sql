create or replace function analytics.ensure_month(at timestamptz)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _from constant timestamptz := date_trunc('month', at, 'UTC');
  _until constant timestamptz := (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  _name constant text := to_char(_from at time zone 'UTC', '"events_y"YYYY"m"MM');
begin
  if to_regclass('analytics_months.' || _name) is not null then
    return _name;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('analytics.ensure_month', 0));
  -- The previous holder of the lock may have created it. A query sees that; to_regclass answers from a cache that may not.
  perform 1
  from pg_class as relation
  where relation.relnamespace = 'analytics_months'::regnamespace
    and relation.relname = _name;
  if found then
    return _name;
  end if;
  -- Created apart and then attached: "partition of" would lock out every reader and writer of events.
  execute format('create table analytics_months.%I (like analytics.events including defaults)', _name);
  execute format('alter table analytics.events attach partition analytics_months.%I for values from (%L) to (%L)', _name, _from, _until);
  return _name;
end
$$;

comment on function analytics.ensure_month(timestamptz) is 'Creates the partition of analytics.events for the UTC month of a moment unless it exists; returns its name. Insert into a new month in a later command. The job analytics_make_months and analytics.claim_events call it.';

revoke execute on function analytics.ensure_month(timestamptz) from public;
