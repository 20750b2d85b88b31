create or replace function analytics.prune(p_table_name text, p_at timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text;
  v_before timestamptz;
  v_rows integer;
begin
  select
    case
      when p_table_name = 'event_keys' then 'received_at'
      when p_table_name in ('user_activity', 'channel_activity') then 'hour'
      else 'occurred_at'
    end,
    -- A key outlives the row that it stands for, and that goes with its month.
    least(p_at, now()) - make_interval(days => retention.keep_days + case p_table_name when 'event_keys' then 35 else 0 end)
  into strict v_column, v_before
  from analytics.retention
  where retention.table_name = case p_table_name when 'event_keys' then 'events' else p_table_name end;
  if p_table_name = 'events' then
    raise exception 'events go by whole months: analytics.drop_months';
  end if;
  execute format(
    'delete from analytics.%I
     where ctid = any (array(
       select old.ctid
       from analytics.%I as old
       where old.%I < $1
       limit $2
       for update skip locked
     ))',
    p_table_name, p_table_name, v_column
  )
  using v_before, p_limit;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;

comment on function analytics.prune(text, timestamptz, integer) is 'Deletes at most so many rows of a table that are kept no longer; returns how many. What others are at work on is left for the next call.';

revoke execute on function analytics.prune(text, timestamptz, integer) from public;
