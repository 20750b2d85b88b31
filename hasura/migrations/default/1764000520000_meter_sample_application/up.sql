insert into usage.metrics (key, kind, unit, feed, title, description)
values
  ('members', 'gauge', 'count', 'rows', 'Members', 'People in the workspace, whatever their role'),
  ('channels', 'gauge', 'count', 'rows', 'Channels', 'Channels that are not archived'),
  ('bots', 'gauge', 'count', 'rows', 'Bots', 'Bots installed in the workspace'),
  ('integrations', 'gauge', 'count', 'rows', 'Integrations', 'Integrations connected to the workspace'),
  ('storage_bytes', 'gauge', 'bytes', 'rows', 'Storage', 'Bytes of files that are pending or ready'),
  ('recording_bytes', 'gauge', 'bytes', 'rows', 'Recordings', 'Bytes of call recordings kept'),
  ('messages', 'counter', 'count', 'rows', 'Messages', 'Messages sent in the period; deleting one does not give it back'),
  ('files_uploaded', 'counter', 'count', 'rows', 'Files uploaded', 'Files added in the period'),
  ('uploaded_bytes', 'counter', 'bytes', 'rows', 'Bytes uploaded', 'Bytes of the files added in the period'),
  ('call_seconds', 'counter', 'seconds', 'rows', 'Call time', 'Seconds of calls that ended in the period'),
  ('stream_seconds', 'counter', 'seconds', 'rows', 'Stream time', 'Seconds of streams that ended in the period');

select usage.attach_meter('public.workspace_members', 'members');
select usage.attach_meter('public.channels', 'channels', p_live => 'archived_at is null');
select usage.attach_meter('public.bots', 'bots');
select usage.attach_meter('public.integrations', 'integrations');
select usage.attach_meter('public.messages', 'messages');
select usage.attach_meter('public.files', 'storage_bytes', p_amount => 'size_bytes', p_live => 'status <> ''deleted''');
select usage.attach_meter('public.files', 'files_uploaded');
select usage.attach_meter('public.files', 'uploaded_bytes', p_amount => 'size_bytes');
select usage.attach_meter('public.call_recordings', 'recording_bytes', p_amount => 'size_bytes');
select usage.attach_meter('public.calls', 'call_seconds', p_amount => 'extract(epoch from ended_at - started_at)', p_live => 'ended_at is not null');
select usage.attach_meter('public.streams', 'stream_seconds', p_amount => 'extract(epoch from ended_at - started_at)', p_live => 'ended_at is not null');
select usage.meter_members('public.files', 'storage_bytes', 'uploader_id');
select usage.meter_members('public.messages', 'messages', 'user_id');
