create or replace function billing.anchored_period(anchor_at timestamptz, time_zone text, at timestamptz)
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
rows 1
as $$
declare
  -- steps are counted from the first anchor, never from the month before: day 31 survives February
  origin timestamp := coalesce(anchored_period.anchor_at at time zone anchored_period.time_zone, timestamp '2000-01-01');
  local_at timestamp := anchored_period.at at time zone anchored_period.time_zone;
  steps integer := (extract(year from local_at) - extract(year from origin)) * 12 + extract(month from local_at) - extract(month from origin);
begin
  period_start := (origin + make_interval(months => steps)) at time zone anchored_period.time_zone;
  -- compared as instants: local times repeat or are missing when clocks change
  if period_start > anchored_period.at then
    period_end := period_start;
    period_start := (origin + make_interval(months => steps - 1)) at time zone anchored_period.time_zone;
  else
    period_end := (origin + make_interval(months => steps + 1)) at time zone anchored_period.time_zone;
  end if;
  return next;
end
$$;

comment on function billing.anchored_period(timestamptz, text, timestamptz) is 'The month [start, end) that holds a moment, in local time from an anchor; without anchor the calendar month.';
