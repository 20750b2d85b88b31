drop table public.integrations;
drop table public.bots;
