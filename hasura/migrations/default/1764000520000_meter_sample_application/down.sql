select usage.detach_meter('public.streams', 'stream_seconds');
select usage.detach_meter('public.calls', 'call_seconds');
select usage.detach_meter('public.call_recordings', 'recording_bytes');
select usage.detach_meter('public.files', 'uploaded_bytes');
select usage.detach_meter('public.files', 'files_uploaded');
select usage.detach_meter('public.files', 'storage_bytes');
select usage.detach_meter('public.messages', 'messages');
select usage.detach_meter('public.integrations', 'integrations');
select usage.detach_meter('public.bots', 'bots');
select usage.detach_meter('public.channels', 'channels');
select usage.detach_meter('public.workspace_members', 'members');

do $$
declare
  _metrics constant text[] := array[
    'members',
    'channels',
    'bots',
    'integrations',
    'storage_bytes',
    'recording_bytes',
    'messages',
    'files_uploaded',
    'uploaded_bytes',
    'call_seconds',
    'stream_seconds'
  ];
begin
  delete from usage.alert_rules where metric = any (_metrics);
  delete from usage.alerts where metric = any (_metrics);
  delete from usage.reconciliations where metric = any (_metrics);
  delete from usage.reservations where metric = any (_metrics);
  delete from usage.peaks where metric = any (_metrics);
  delete from usage.counter_log_totals where metric = any (_metrics);
  delete from usage.counters where metric = any (_metrics);
  delete from usage.metrics where key = any (_metrics);
end
$$;
