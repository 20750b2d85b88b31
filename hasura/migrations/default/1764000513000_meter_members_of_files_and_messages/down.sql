select usage.meter_members('public.messages', 'messages', null);
select usage.meter_members('public.files', 'storage_bytes', null);
