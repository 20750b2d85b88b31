create or replace function analytics.prune(p_table_name text, p_at timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _time_column text;
  _before timestamptz;
  _rows integer;
begin
  -- A caller whose clock runs ahead deletes nothing early.
  select retained.time_column, least(p_at, now()) - make_interval(days => retained.keep_days)
  into strict _time_column, _before
  from analytics.retained_tables as retained
  where retained.table_name = p_table_name;
  if p_table_name = 'events' then
    raise exception 'events go by whole months: analytics.drop_months';
  end if;
  -- The checker cannot see that this statement writes, and takes the routine for stable.
  -- @plpgsql_check_options: performance_warnings = off
  execute format(
    'delete from analytics.%I
     where ctid = any (array(
       select old.ctid
       from analytics.%I as old
       where old.%I < $1
       limit $2
       for update skip locked
     ))',
    p_table_name, p_table_name, _time_column
  )
  using _before, p_limit;
  get diagnostics _rows = row_count;
  return _rows;
end
$$;

comment on function analytics.prune(text, timestamptz, integer) is 'Deletes at most p_limit rows of a table of analytics.retained_tables that are older at p_at than the table keeps them. Returns the number deleted: fewer than p_limit means that none is left but rows that other transactions have locked. Raises no_data_found for any other table, and refuses events: analytics.drop_months drops their months. The job analytics_apply_retention calls it.';

revoke execute on function analytics.prune(text, timestamptz, integer) from public;
