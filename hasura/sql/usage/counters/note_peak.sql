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
  select present.period_start
  into _start
  from usage.period(p_workspace_id, now()) as present;

  update usage.peaks as peak
  set peak = greatest(peak.peak, p_after)
  where peak.workspace_id = p_workspace_id
    and peak.metric = p_metric
    and peak.period_start = _start
    and peak.peak < p_after;
  if found then
    return;
  end if;

  perform 1
  from usage.peaks as peak
  where peak.workspace_id = p_workspace_id
    and peak.metric = p_metric
    and peak.period_start = _start;
  if found then
    return;
  end if;

  -- The first change in this period. While a workspace is being deleted its row is gone or locked; its peaks go with it.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for key share skip locked;
  if not found then
    return;
  end if;

  -- Periods without a change have the level of before as their peak. The bound keeps a long absence from running for ever.
  _at := p_changed_at;
  for _period in 1..120 loop
    exit when _at is null or not isfinite(_at);
    select passed.period_end
    into _end
    from usage.period(p_workspace_id, _at) as passed;
    exit when _end is null or _end >= _start;
    insert into usage.peaks (workspace_id, metric, period_start, peak)
    values (p_workspace_id, p_metric, _end, p_before)
    on conflict on constraint peaks_pkey do nothing;
    _at := _end;
  end loop;

  insert into usage.peaks as peak (workspace_id, metric, period_start, peak)
  values (p_workspace_id, p_metric, _start, greatest(p_before, p_after))
  on conflict on constraint peaks_pkey do update
    set peak = greatest(peak.peak, excluded.peak);
end
$$;

comment on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) is 'Writes the peak of a gauge for the present period, and for the periods that passed without a change since p_changed_at. p_before and p_after are the level around the change, in the metric''s unit. Called by usage.add_locked, which holds the lock of the gauge''s row';

revoke execute on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) from public;
