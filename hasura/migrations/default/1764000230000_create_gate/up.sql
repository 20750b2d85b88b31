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

comment on table usage.reservations is 'Amounts reserved until they are committed, released or expired, in the unit of their metric.';
comment on column usage.reservations.committed_amount is 'What the commit counted, at most amount unless the limit is soft; 0 for a release, null while it is open.';
comment on column usage.reservations.status is 'held (open), committed, released or expired.';
comment on column usage.reservations.expires_at is 'From this moment on the amount no longer counts against the limit, even if status still says held.';
comment on column usage.reservations.period_start is 'Start of the period in which it was made or, for a lease, last renewed.';
comment on column usage.reservations.answer is 'The answer of the commit or release that closed it; repeating that operation returns it again.';
comment on column usage.reservations.lease_holder is 'The process whose lease reserves this for its next units; null for a reservation that a caller made. It expires like any other.';
comment on column usage.reservations.member_id is 'The member whose limit this counts against, beside the workspace''s; null where it counts against the workspace''s limit only.';

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

comment on table usage.ledger is 'One row for each decision with an idempotency key, allowed or refused, and for each correction, with the answer that a repetition gets. Kept for 34 days.';
comment on column usage.ledger.metric is 'Null for a request with several items: the answer names them.';
comment on column usage.ledger.amount is 'What was requested, in the unit of the metric; null for a request with several items.';
comment on column usage.ledger.request_hash is 'SHA-256 of the normalised content. The same key with another hash is an idempotency conflict.';
comment on column usage.ledger.answer is 'Null only within the transaction that has claimed the key and not decided yet.';
comment on column usage.ledger.occurred_at is 'When a late event happened; null where it was decided when it happened.';
comment on column usage.ledger.corrects is 'The idempotency key of the event that a correction is about. The row of the event stays as it was.';
comment on column usage.ledger.delta is 'What an accepted correction added to the counter; negative where it lowered the amount.';
comment on column usage.ledger.note is 'The reason that was given for a correction.';

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

comment on table usage.decisions is 'The row type that usage.gate returns; Hasura needs a tracked table for it. It has no rows.';

create type usage.gate_line as (
  request_no integer,
  item_no integer,
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
  counter_no integer,
  reservation_no integer,
  first_answer jsonb,
  member_id uuid,
  member_counter_no integer
);

comment on type usage.gate_line is 'One metric of one request of usage.gate_many: first what is requested, then what is decided.';
comment on column usage.gate_line.request_no is 'Place of the request in the array, from 1.';
comment on column usage.gate_line.item_no is 'Place in the items of the request, from 1; null without items.';
comment on column usage.gate_line.feed is 'What feeds the metric: gate or rows.';
comment on column usage.gate_line.ttl is 'Time to live of a reservation, in seconds.';
comment on column usage.gate_line.key is 'The idempotency key.';
comment on column usage.gate_line.content is 'The normalised content that a repetition under the same key must have.';
comment on column usage.gate_line.reason is 'Why it is refused; null where it is allowed or not decided yet.';
comment on column usage.gate_line.limited_by is 'member-limit where the limit of the member refuses; else null.';
comment on column usage.gate_line.granted is 'What is allowed: amount, or less for a partial request.';
comment on column usage.gate_line.counter_no is 'Place of the counter of the workspace in the array of counters, from 1.';
comment on column usage.gate_line.reservation_no is 'Place of the reservation in the array of reservations, from 1.';
comment on column usage.gate_line.first_answer is 'The answer that the same commit or release got before.';
comment on column usage.gate_line.member_counter_no is 'Place of the counter of the member in the array of counters, from 1; null where members are not counted.';

create type usage.gate_claim as (
  request_no integer,
  first_request_no integer,
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

comment on type usage.gate_claim is 'The idempotency key of one request of usage.gate_many, and what usage.ledger has for it.';
comment on column usage.gate_claim.first_request_no is 'The first request of the array with the same key; its own number for most.';
comment on column usage.gate_claim.hash is 'SHA-256 of the normalised content of the request.';
comment on column usage.gate_claim.is_owner is 'Whether this request decides the key, so that its answer is stored.';
comment on column usage.gate_claim.is_conflict is 'Whether the key was used with other content.';
comment on column usage.gate_claim.answer is 'The stored answer of the same content; null where it is still to be decided.';

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
  reserved bigint,
  free bigint,
  delta bigint,
  member_id uuid
);

comment on type usage.gate_counter is 'A counter while the gate decides: its limit and its figures, after the lines decided so far.';
comment on column usage.gate_counter.source is 'Where the limit comes from, as billing.limit_of says; member-limit for a counter of a member.';
comment on column usage.gate_counter.free is 'What may still be used or reserved; null without a limit. Below zero where more is used than the limit allows.';
comment on column usage.gate_counter.delta is 'What usage.gate_store has to add to the stored counter.';
comment on column usage.gate_counter.member_id is 'The member; null for the counter of the workspace.';
