alter table public.streams drop constraint streams_times_finite;
alter table public.calls drop constraint calls_times_finite;
