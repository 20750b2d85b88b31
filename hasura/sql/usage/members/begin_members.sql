create or replace function usage.begin_members(p_workspace_id uuid, p_metric text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _kind text;
  _feed text;
begin
  perform 1
  from usage.member_meters m
  where m.workspace_id = p_workspace_id
    and m.metric = p_metric;
  if found then
    return 'on';
  end if;
  perform 1
  from billing.member_limit_of(p_workspace_id, p_metric);
  if not found then
    return 'off';
  end if;

  select m.kind, m.feed
  into _kind, _feed
  from usage.metrics m
  where m.key = p_metric;
  -- Every writer of a gauge holds this lock to the end of its transaction: what is counted here is committed or one's
  -- own, and whoever comes after finds the row that is written below.
  if _kind = 'gauge' then
    perform usage.lock_counter(p_workspace_id, p_metric, '-infinity');
  end if;
  insert into usage.member_meters (workspace_id, metric)
  values (p_workspace_id, p_metric)
  on conflict on constraint member_meters_pkey do nothing;
  if not found or _kind <> 'gauge' or _feed <> 'rows' then
    return 'on';
  end if;
  delete from usage.member_counters c
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = '-infinity';
  insert into usage.member_counters (workspace_id, metric, period_start, member_id, used)
  select p_workspace_id, p_metric, '-infinity', r.member_id, r.amount
  from usage.recount_members(p_workspace_id, p_metric) r
  order by r.member_id;
  return 'begun';
end
$$;

comment on function usage.begin_members(uuid, text) is 'Whether the members of a workspace are counted (on), or not (off); begun says that it counted a gauge''s rows just now, those of the present statement too';

revoke execute on function usage.begin_members(uuid, text) from public;
