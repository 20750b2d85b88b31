create or replace function usage.note_peak(
  p_workspace_id uuid,
  p_metric text,
  p_before bigint,
  p_after bigint,
  p_changed_at timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _at timestamptz;
  _end timestamptz;
begin
  select p.period_start
  into _start
  from usage.period(p_workspace_id, now()) p;

  update usage.peaks k
  set peak = greatest(k.peak, p_after)
  where k.workspace_id = p_workspace_id
    and k.metric = p_metric
    and k.period_start = _start
    and k.peak < p_after;
  if found then
    return;
  end if;

  perform 1
  from usage.peaks k
  where k.workspace_id = p_workspace_id
    and k.metric = p_metric
    and k.period_start = _start;
  if found then
    return;
  end if;

  -- The first change in this period. While a workspace is being deleted its row is gone or locked, and the
  -- peaks go with it.
  perform 1
  from public.workspaces w
  where w.id = p_workspace_id
  for key share skip locked;
  if not found then
    return;
  end if;

  -- The level did not move in the periods that passed without a change.
  _at := p_changed_at;
  for _i in 1..120 loop
    exit when _at is null or not isfinite(_at);
    select p.period_end
    into _end
    from usage.period(p_workspace_id, _at) p;
    exit when _end is null or _end >= _start;
    insert into usage.peaks (workspace_id, metric, period_start, peak)
    values (p_workspace_id, p_metric, _end, p_before)
    on conflict on constraint peaks_pkey do nothing;
    _at := _end;
  end loop;

  insert into usage.peaks as k (workspace_id, metric, period_start, peak)
  values (p_workspace_id, p_metric, _start, greatest(p_before, p_after))
  on conflict on constraint peaks_pkey do update
    set peak = greatest(k.peak, excluded.peak);
end
$$;

comment on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) is 'Keeps the peak of a gauge whose counter row the caller has locked';

revoke execute on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) from public;
