-- A call without end has no length to meter: refused as a value instead of failing inside the meter.
alter table public.calls add constraint calls_times_finite check (isfinite(started_at) and isfinite(ended_at));
alter table public.streams add constraint streams_times_finite check (isfinite(started_at) and isfinite(ended_at));
