drop table public.files;
