create or replace function usage.prune_webhooks(p_before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _deliveries integer;
begin
  delete from usage.webhook_deliveries
  where created_at < least(p_before, now() - interval '34 days')
    and status <> 'pending';
  get diagnostics _deliveries = row_count;
  delete from usage.webhook_secrets
  where expires_at < now();
  return _deliveries;
end
$$;

comment on function usage.prune_webhooks(timestamptz) is 'Deletes finished deliveries created before a moment and more than 34 days ago, with their attempts, and expired secrets. Returns how many deliveries. The job usage_prune_ledger calls it.';

revoke execute on function usage.prune_webhooks(timestamptz) from public;
