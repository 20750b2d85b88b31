create or replace function billing.anchored_period(p_anchor_at timestamptz, p_time_zone text, p_at timestamptz)
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
immutable
rows 1
as $$
declare
  -- Months are counted from the anchor itself: counted from the month before, day 31 would become day 28 after February.
  _origin timestamp := coalesce(p_anchor_at at time zone p_time_zone, timestamp '2000-01-01');
  _local_at timestamp := p_at at time zone p_time_zone;
  _months integer := (
    (extract(year from _local_at) - extract(year from _origin)) * 12
    + extract(month from _local_at)
    - extract(month from _origin)
  )::integer;
begin
  period_start := (_origin + make_interval(months => _months)) at time zone p_time_zone;
  -- Instants are compared, because a local time may occur twice or never when clocks change.
  if period_start > p_at then
    period_end := period_start;
    period_start := (_origin + make_interval(months => _months - 1)) at time zone p_time_zone;
  else
    period_end := (_origin + make_interval(months => _months + 1)) at time zone p_time_zone;
  end if;
  return next;
end
$$;

comment on function billing.anchored_period(timestamptz, text, timestamptz) is 'Returns the period [start, end) that contains a moment: one month in local time from the anchor''s day and time, or the calendar month where the anchor is null. Pure arithmetic: usage.period adds what a workspace has recorded.';
