create or replace function analytics.erase_person()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _user_id uuid;
  _table_name text;
begin
  -- Skips a person whom a concurrent call is erasing.
  delete from analytics.erasures as erasure
  where erasure.user_id = (
    select next.user_id
    from analytics.erasures as next
    order by next.requested_at
    limit 1
    for update skip locked
  )
  returning erasure.user_id into _user_id;
  if _user_id is null then
    return 0;
  end if;
  with gone as (
    delete from analytics.events as event
    where event.user_id = _user_id
    returning event.workspace_id, event.occurred_at
  )
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct gone.workspace_id, date_trunc('hour', gone.occurred_at, 'UTC')
  from gone;
  for _table_name in
    select retained.table_name
    from analytics.retained_tables as retained
    where retained.has_user_id
      and retained.table_name <> 'events'
    order by retained.table_name
  loop
    execute format('delete from analytics.%I where user_id = $1', _table_name)
    using _user_id;
  end loop;
  return 1;
end
$$;

comment on function analytics.erase_person() is 'Deletes the rows of the person who has waited longest in analytics.erasures from every table of analytics.retention that has a column user_id. Returns 1, or 0 when no erasure waits. Marks the hours of the deleted events, so that the next rollup recounts them; keeps the keys of the events, so that none of them is stored again. The job analytics_roll_activity calls it.';

revoke execute on function analytics.erase_person() from public;
