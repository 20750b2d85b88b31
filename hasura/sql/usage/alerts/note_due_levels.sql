create or replace function usage.note_due_levels(p_at_most integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _due record;
  _gauge boolean;
  _start timestamptz;
  _used bigint;
  _noted integer := 0;
begin
  for _due in
    select first.workspace_id, first.metric, first.period_start
    from (
      select held.workspace_id, held.metric, held.period_start
      from usage.alert_levels as held
      where held.valid_until <= now()
      order by held.valid_until
      limit p_at_most
    ) as first
    order by first.workspace_id, first.metric
  loop
    _noted := _noted + 1;
    select metrics.kind = 'gauge', period.period_start
    into _gauge, _start
    from usage.period(_due.workspace_id) as period
    left join usage.metrics on metrics.key = _due.metric;

    -- A counter's new period begins at nothing; its first use notes it.
    if not _gauge and _start > _due.period_start then
      delete from usage.alert_levels
      where workspace_id = _due.workspace_id
        and metric = _due.metric
        and period_start = _due.period_start;
      continue;
    end if;
    if _gauge then
      _start := '-infinity';
    end if;

    -- The counter before its level, as everybody who notes takes them, and read in a statement after the lock.
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

comment on function usage.note_due_levels(integer) is 'Notes again the levels whose limit or period the clock has changed; returns how many it looked at. Safe to run at any time and by several at once.';

revoke execute on function usage.note_due_levels(integer) from public;
