create or replace function usage.period(workspace_id uuid, at timestamptz default now())
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
rows 1
as $$
declare
  _zone text;
  _has_anchors boolean;
  _local_start timestamp;
  _governing billing.period_anchors;
  _next_from timestamptz;
begin
  select
    workspace.time_zone,
    exists (
      select
      from billing.period_anchors as anchor
      where anchor.workspace_id = workspace.id
    )
  into _zone, _has_anchors
  from public.workspaces as workspace
  where workspace.id = period.workspace_id;
  _zone := coalesce(_zone, 'UTC');

  -- The gate and every metered write beyond its headroom call this. One query answers a workspace without an anchor.
  if _has_anchors is not true then
    _local_start := date_trunc('month', period.at at time zone _zone);
    period_start := _local_start at time zone _zone;
    period_end := (_local_start + interval '1 month') at time zone _zone;
    -- False only where the clocks change at the start of a month; billing.anchored_period then compares instants.
    if period_start <= period.at and period.at < period_end then
      return next;
      return;
    end if;
  end if;

  select anchor.*
  into _governing
  from billing.period_anchors as anchor
  where anchor.workspace_id = period.workspace_id
    and anchor.valid_from <= period.at
  order by anchor.valid_from desc
  limit 1;

  if _governing.bridge_until > period.at then
    period_start := _governing.valid_from;
    period_end := _governing.bridge_until;
    return next;
    return;
  end if;

  select
    anchored.period_start,
    anchored.period_end
  into period_start, period_end
  from billing.anchored_period(_governing.anchor_at, coalesce(_governing.time_zone, _zone), period.at) as anchored;

  select anchor.valid_from
  into _next_from
  from billing.period_anchors as anchor
  where anchor.workspace_id = period.workspace_id
    and anchor.valid_from > period.at
  order by anchor.valid_from
  limit 1;

  period_end := least(period_end, _next_from);
  return next;
end
$$;

comment on function usage.period(uuid, timestamptz) is 'Returns the period [start, end) of a workspace that contains a moment, one row: the month from its anchor in its time zone, the calendar month without an anchor, or the bridge between two anchors. An unknown workspace has calendar months in UTC. Metered writes, the gate and the reports call it.';
