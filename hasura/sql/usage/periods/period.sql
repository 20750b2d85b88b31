create or replace function usage.period(workspace_id uuid, at timestamptz default now())
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
rows 1
as $$
declare
  zone text;
  has_anchors boolean;
  local_start timestamp;
  governing billing.period_anchors;
  next_from timestamptz;
begin
  select w.time_zone, exists (select from billing.period_anchors a where a.workspace_id = w.id)
  into zone, has_anchors
  from public.workspaces w
  where w.id = period.workspace_id;
  zone := coalesce(zone, 'UTC');

  -- every metered write comes through here, nearly always without an anchor
  if has_anchors is not true then
    local_start := date_trunc('month', period.at at time zone zone);
    period_start := local_start at time zone zone;
    period_end := (local_start + interval '1 month') at time zone zone;
    if period_start <= period.at and period.at < period_end then
      return next;
      return;
    end if;
  end if;

  select *
  into governing
  from billing.period_anchors a
  where a.workspace_id = period.workspace_id
  and a.valid_from <= period.at
  order by a.valid_from desc
  limit 1;

  if governing.bridge_until > period.at then
    period_start := governing.valid_from;
    period_end := governing.bridge_until;
    return next;
    return;
  end if;

  select p.period_start, p.period_end
  into period_start, period_end
  from billing.anchored_period(governing.anchor_at, coalesce(governing.time_zone, zone), period.at) p;

  select a.valid_from
  into next_from
  from billing.period_anchors a
  where a.workspace_id = period.workspace_id
  and a.valid_from > period.at
  order by a.valid_from
  limit 1;

  period_end := least(period_end, next_from);
  return next;
end
$$;

comment on function usage.period(uuid, timestamptz) is 'The period [start, end) of a workspace that holds a moment; a calendar month in UTC for an unknown workspace.';
