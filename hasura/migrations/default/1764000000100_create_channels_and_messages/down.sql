drop table public.messages;
drop table public.channels;
