drop table public.streams;
drop table public.call_recordings;
drop table public.calls;
