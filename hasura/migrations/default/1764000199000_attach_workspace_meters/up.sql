select usage.attach_meter('public.workspace_members', 'members');
select usage.attach_meter('public.channels', 'channels', p_live => 'archived_at is null');
select usage.attach_meter('public.bots', 'bots');
select usage.attach_meter('public.integrations', 'integrations');
select usage.attach_meter('public.messages', 'messages');

-- A pending file counts, so that a limit holds before its bytes arrive.
select usage.attach_meter('public.files', 'storage_bytes', p_amount => 'size_bytes', p_live => 'status <> ''deleted''');
select usage.attach_meter('public.files', 'files_uploaded');
select usage.attach_meter('public.files', 'uploaded_bytes', p_amount => 'size_bytes');

select usage.attach_meter('public.call_recordings', 'recording_bytes', p_amount => 'size_bytes');
select usage.attach_meter('public.calls', 'call_seconds', p_amount => 'extract(epoch from ended_at - started_at)', p_live => 'ended_at is not null');
select usage.attach_meter('public.streams', 'stream_seconds', p_amount => 'extract(epoch from ended_at - started_at)', p_live => 'ended_at is not null');
