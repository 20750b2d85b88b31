create table usage.reservations (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  amount bigint not null,
  committed_amount bigint,
  status text not null default 'held',
  expires_at timestamptz not null,
  period_start timestamptz not null,
  created_at timestamptz not null default now(),
  answer jsonb,
  lease_holder text,
  member_id uuid,
  constraint reservations_pkey primary key (id),
  constraint reservations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint reservations_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint reservations_amount_positive check (amount > 0),
  constraint reservations_status_known check (status in ('held', 'committed', 'released', 'expired')),
  constraint reservations_committed_amount_range check (committed_amount >= 0)
);

create index reservations_held_idx on usage.reservations (workspace_id, metric)
where status = 'held';

create index reservations_expires_at_idx on usage.reservations (expires_at)
where status = 'held';

comment on table usage.reservations is 'Amounts held until they are committed, released or expired';
comment on column usage.reservations.expires_at is 'From here on the amount is free again, whether or not the status says so yet';
comment on column usage.reservations.answer is 'The answer of the commit or release that closed it, given again when it is repeated.';
comment on column usage.reservations.lease_holder is 'The process that keeps this headroom for its next units; null for a reservation somebody asked for. It ends by its time like any other.';
comment on column usage.reservations.member_id is 'The member that the headroom is held for, beside its workspace; null: for the workspace alone';

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
  occurred_at timestamptz,
  corrects text,
  delta bigint,
  note text,
  constraint ledger_pkey primary key (workspace_id, idempotency_key),
  constraint ledger_key_length check (char_length(idempotency_key) between 1 and 255),
  constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release', 'extend', 'amend', 'void')),
  constraint ledger_correction_whole check (
    (op in ('amend', 'void')) = (corrects is not null)
    and (corrects is null) = (note is null)
  )
);

create index ledger_created_at on usage.ledger using brin (created_at);

create index ledger_corrects_idx on usage.ledger (workspace_id, corrects)
where corrects is not null;

comment on table usage.ledger is 'One row per decision that carried an idempotency key, allowed or refused, with the answer that a repetition gets. Kept 34 days.';
comment on column usage.ledger.request_hash is 'SHA-256 of the normalised content, so that a key with other content is told apart.';
comment on column usage.ledger.answer is 'Null only inside the transaction that claimed the key and has not decided yet.';
comment on column usage.ledger.occurred_at is 'When a late event happened; null for what was decided when it happened.';
comment on column usage.ledger.corrects is 'The idempotency key of the event that a correction is about; the event''s own row stays as it was.';
comment on column usage.ledger.delta is 'What an accepted correction added to the counter, mostly less than nothing.';
comment on column usage.ledger.note is 'Why it was corrected.';

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

comment on table usage.decisions is 'The shape of what usage.gate returns: Hasura wants a tracked table for that. It holds no rows.';

create type usage.gate_line as (
  n integer,
  item integer,
  op text,
  workspace_id uuid,
  metric text,
  feed text,
  amount bigint,
  is_partial boolean,
  ttl integer,
  key text,
  reservation_id uuid,
  content text,
  reason text,
  limited_by text,
  granted bigint,
  expires_at timestamptz,
  counter integer,
  reservation integer,
  replayed jsonb,
  member_id uuid,
  member_counter integer
);

create type usage.gate_claim as (
  n integer,
  first integer,
  workspace_id uuid,
  key text,
  hash bytea,
  is_owner boolean,
  is_conflict boolean,
  answer jsonb,
  op text,
  metric text,
  amount bigint
);

create type usage.gate_counter as (
  workspace_id uuid,
  metric text,
  kind text,
  period_start timestamptz,
  period_end timestamptz,
  limit_value bigint,
  included boolean,
  enforcement text,
  source text,
  used bigint,
  held bigint,
  free bigint,
  delta bigint,
  member_id uuid
);
