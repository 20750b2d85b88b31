select usage.meter_members('public.files', 'storage_bytes', 'uploader_id');
select usage.meter_members('public.messages', 'messages', 'user_id');
