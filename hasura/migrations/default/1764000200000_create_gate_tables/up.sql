-- No foreign keys here: they would lock the workspace's row for every decision of a hot tenant. The gate
-- checks workspace and metric itself, and a trigger forgets the rows of a deleted workspace.
create table usage.ledger (
  workspace_id uuid not null,
  idempotency_key text not null,
  op text not null,
  metric text,
  amount bigint,
  request_hash bytea not null,
  allowed boolean,
  answer jsonb,
  created_at timestamptz not null default now(),
  constraint ledger_pkey primary key (workspace_id, idempotency_key),
  constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release')),
  constraint ledger_key_length check (char_length(idempotency_key) between 1 and 255)
);

create index ledger_created_at on usage.ledger using brin (created_at);

comment on table usage.ledger is
  'One row per decision that carried an idempotency key, allowed or refused, with the answer that a repetition gets. Kept 34 days.';
comment on column usage.ledger.request_hash is
  'SHA-256 of the normalised content, so that a key with other content is told apart.';
comment on column usage.ledger.answer is
  'Null only inside the transaction that claimed the key and has not decided yet.';

create table usage.decisions (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text,
  allowed boolean not null,
  amount bigint,
  used bigint,
  reserved bigint,
  limit_value bigint,
  remaining bigint,
  resets_at timestamptz,
  reservation_id uuid,
  created_at timestamptz not null default now(),
  constraint decisions_pkey primary key (id)
);

comment on table usage.decisions is
  'The shape of what usage.gate returns: Hasura wants a tracked table for that. It holds no rows.';

create table usage.api_calls (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  hour timestamptz not null,
  user_id uuid,
  operation text,
  count bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint api_calls_pkey primary key (id),
  constraint api_calls_one_per_hour unique nulls not distinct (workspace_id, hour, user_id, operation),
  constraint api_calls_whole_hour check (hour = date_trunc('hour', hour, 'UTC')),
  constraint api_calls_count_not_negative check (count >= 0)
);

comment on table usage.api_calls is
  'API calls per workspace, hour, user and operation; what the counter api_calls is made of, for reports.';

create table usage.cron_runs (
  name text not null,
  scheduled_time timestamptz not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  result jsonb,
  constraint cron_runs_pkey primary key (name, scheduled_time)
);

comment on table usage.cron_runs is
  'One row per delivered cron event, so that a second delivery of the same event does nothing.';

alter table usage.reservations
  add column answer jsonb;

comment on column usage.reservations.answer is
  'The answer of the commit or release that closed it, given again when it is repeated.';

create function usage.forget_decisions() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.ledger;
    delete from usage.api_calls;
  else
    delete from usage.ledger
    using gone
    where ledger.workspace_id = gone.id;
    delete from usage.api_calls
    using gone
    where api_calls.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function usage.forget_decisions() is
  'Removes what the ledger and the API-call rollup hold of deleted workspaces, for want of a foreign key.';

revoke execute on function usage.forget_decisions() from public;

create trigger usage_forget_decisions_delete
after delete on public.workspaces
referencing old table as gone
for each statement
execute function usage.forget_decisions();

create trigger usage_forget_decisions_truncate
after truncate on public.workspaces
for each statement
execute function usage.forget_decisions();
