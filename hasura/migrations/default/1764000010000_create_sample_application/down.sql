drop table public.integrations;
drop table public.bots;
drop table public.streams;
drop table public.call_recordings;
drop table public.calls;
drop table public.files;
drop table public.messages;
drop table public.channels;
