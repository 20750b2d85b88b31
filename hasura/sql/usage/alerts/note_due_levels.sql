create or replace function usage.note_due_levels(p_at_most integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _due record;
  _is_gauge boolean;
  _start timestamptz;
  _used bigint;
  _noted integer := 0;
begin
  for _due in
    select oldest.workspace_id, oldest.metric, oldest.period_start
    from (
      select alert_level.workspace_id, alert_level.metric, alert_level.period_start
      from usage.alert_levels as alert_level
      where alert_level.valid_until <= now()
      order by alert_level.valid_until
      limit p_at_most
    ) as oldest
    order by oldest.workspace_id, oldest.metric
  loop
    _noted := _noted + 1;
    select metric.kind = 'gauge', period.period_start
    into _is_gauge, _start
    from usage.period(_due.workspace_id) as period
    left join usage.metrics as metric
      on metric.key = _due.metric;

    -- A counter begins its new period at zero, and its first use notes the level.
    if not _is_gauge and _start > _due.period_start then
      delete from usage.alert_levels
      where workspace_id = _due.workspace_id
        and metric = _due.metric
        and period_start = _due.period_start;
      continue;
    end if;
    if _is_gauge then
      _start := '-infinity';
    end if;

    -- Locks the counter before its level, in the order of every caller of usage.note_level, and reads the use only then. A
    -- workspace that is being deleted is left out.
    perform 1
    from public.workspaces
    where id = _due.workspace_id
    for key share skip locked;
    continue when not found;
    perform usage.lock_counter(_due.workspace_id, _due.metric, _start);
    select level.used
    into _used
    from usage.current as level
    where level.workspace_id = _due.workspace_id
      and level.metric = _due.metric;
    perform usage.note_level(_due.workspace_id, _due.metric, _start, coalesce(_used, 0));
  end loop;
  return _noted;
end
$$;

comment on function usage.note_due_levels(integer) is 'Writes the alerts that the clock calls for: levels whose limit or period has changed since they were noted, the oldest p_at_most of them. Returns how many it looked at. The job usage_note_alerts calls it; it may run at any time and several times at once.';

revoke execute on function usage.note_due_levels(integer) from public;
