create or replace function billing.announce_all_limits()
returns trigger
language plpgsql
as $$
begin
  perform pg_notify('hasura_usage_limits', '*');
  return null;
end
$$;

comment on function billing.announce_all_limits() is 'Notifies the channel hasura_usage_limits with *, at the commit: the limits of every workspace may have changed, so that caches drop them all. A plan or a truncate may concern any number of workspaces.';

create or replace trigger limit_overrides_announce_truncate
  after truncate on billing.limit_overrides
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plan_features_announce
  after insert or update or delete or truncate on billing.plan_features
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plan_limits_announce
  after insert or update or delete or truncate on billing.plan_limits
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plans_announce
  after insert or update or delete or truncate on billing.plans
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger subscriptions_announce_truncate
  after truncate on billing.subscriptions
  for each statement
  execute function billing.announce_all_limits();
