create table usage.counters (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  used bigint not null,
  updated_at timestamptz not null default now(),
  alert_at bigint not null default 0,
  alert_due timestamptz not null default '-infinity',
  headroom bigint not null default 0,
  headroom_from timestamptz not null default '-infinity',
  headroom_until timestamptz not null default '-infinity',
  granted bigint not null default 0,
  shards smallint not null default 0,
  contention smallint not null default 0,
  contention_since timestamptz not null default '-infinity',
  measured_used bigint not null default 0,
  measured_at timestamptz not null default '-infinity',
  fall_at bigint not null default -9223372036854775808,
  constraint counters_pkey primary key (workspace_id, metric, period_start),
  constraint counters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint counters_metric_fkey foreign key (metric) references usage.metrics (key)
)
with (fillfactor = 15);

create index counters_hot_idx on usage.counters (workspace_id)
where shards > 0 or granted > 0;

comment on table usage.counters is 'What each workspace has used, without what usage.counter_shards holds of it: usage.counter_totals has both';
comment on column usage.counters.period_start is 'Start of the period of a counter; -infinity for a gauge, which has one row for all time';
comment on column usage.counters.used is 'Counted on this row; a hot counter counts on its shards as well';
comment on column usage.counters.alert_at is 'The use at which the next threshold is reached; keeps the triggers of alerts off the hot path.';
comment on column usage.counters.alert_due is 'From here on the next addition asks usage.note_level again, as the limit may be another one';
comment on column usage.counters.headroom is 'Units that may be added with no further look at limit, reservations and alerts';
comment on column usage.counters.headroom_from is 'Start of the period in which the headroom was granted: a transaction that began before it writes the peak of another period';
comment on column usage.counters.headroom_until is 'From here on the headroom is void: the end of the period, or when the clock may change the limit';
comment on column usage.counters.granted is 'Sum of used and headroom over the shards. Taking leaves it as it is, so that under this row''s lock it is exact without theirs';
comment on column usage.counters.shards is 'How many shards share the additions; 0 is cold';
comment on column usage.counters.contention is 'Additions that waited for this row since contention_since';
comment on column usage.counters.measured_used is 'The use at measured_at, which says how fast a hot counter moves';
comment on column usage.counters.fall_at is 'The level below which usage.note_level has something to write again';

create table usage.counter_shards (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  shard smallint not null,
  used bigint not null default 0,
  headroom bigint not null default 0,
  headroom_until timestamptz not null default '-infinity',
  updated_at timestamptz not null default now(),
  constraint counter_shards_pkey primary key (workspace_id, metric, period_start, shard),
  constraint counter_shards_counter_fkey foreign key (workspace_id, metric, period_start)
    references usage.counters (workspace_id, metric, period_start) on delete cascade
)
with (fillfactor = 50);

comment on table usage.counter_shards is 'Shares of hot counters: writers of one counter add to different rows, and none waits for the other''s commit';
comment on column usage.counter_shards.used is 'Counted here and not yet in usage.counters.used';
comment on column usage.counter_shards.headroom is 'Units of the counter''s headroom that only this shard may use';

create table usage.counter_log (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null
);

comment on table usage.counter_log is 'Every addition to a counter since the last reconciliation, append-only and without an index, so that recording it costs one heap insert; the reconciliation folds it into usage.counter_log_totals';

create table usage.counter_log_totals (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null,
  constraint counter_log_totals_pkey primary key (workspace_id, metric, period_start),
  constraint counter_log_totals_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint counter_log_totals_metric_fkey foreign key (metric) references usage.metrics (key)
);

comment on table usage.counter_log_totals is 'Folded usage.counter_log: what was added to each counter, kept after the counted rows are gone';

create table usage.peaks (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  peak bigint not null,
  constraint peaks_pkey primary key (workspace_id, metric, period_start),
  constraint peaks_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint peaks_metric_fkey foreign key (metric) references usage.metrics (key)
)
with (fillfactor = 50);

comment on table usage.peaks is 'The highest level of each gauge in each period in which it changed; without a row the level at the period''s start is the peak';

create table usage.reconciliations (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  counted bigint not null,
  recounted bigint not null,
  drift bigint not null,
  repaired boolean not null,
  created_at timestamptz not null default now(),
  member_id uuid,
  constraint reconciliations_pkey primary key (id),
  constraint reconciliations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint reconciliations_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint reconciliations_drift_exact check (drift = counted - recounted)
);

create index reconciliations_workspace_id_created_at_idx on usage.reconciliations (workspace_id, created_at);

comment on table usage.reconciliations is 'One row for each counter that differed from its recount';
comment on column usage.reconciliations.drift is 'counted - recounted: positive when the counter said too much';
comment on column usage.reconciliations.member_id is 'The member whose counter had drifted; null: the workspace''s';
