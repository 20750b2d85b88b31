create or replace function analytics.erase_person()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid;
  v_table text;
begin
  delete from analytics.erasures
  where user_id = (
    select next.user_id
    from analytics.erasures as next
    order by next.requested_at
    limit 1
    for update skip locked
  )
  returning user_id into v_user_id;
  if v_user_id is null then
    return 0;
  end if;
  with gone as (
    delete from analytics.events
    where events.user_id = v_user_id
    returning events.workspace_id, events.occurred_at
  )
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct gone.workspace_id, date_trunc('hour', gone.occurred_at, 'UTC')
  from gone;
  foreach v_table in array array['feature_usage', 'performance', 'search_logs', 'user_activity'] loop
    execute format('delete from analytics.%I where user_id = $1', v_table)
    using v_user_id;
  end loop;
  return 1;
end
$$;

comment on function analytics.erase_person() is 'Removes what is held of the person who waits longest in analytics.erasures; returns 0 when nobody waits. The keys of the events stay, so that none comes back.';

revoke execute on function analytics.erase_person() from public;
