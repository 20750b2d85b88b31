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

comment on table usage.counters is 'The use of each workspace, metric and period, without what its shards have counted: usage.counter_totals has the whole use';
comment on column usage.counters.period_start is 'Start of the period of a counter; -infinity for a gauge, which has one row for all time';
comment on column usage.counters.used is 'Units counted on this row, in the metric''s unit; a sharded counter has more on its shards';
comment on column usage.counters.alert_at is 'The use at which the next alert is due; an addition that stays below it writes no alert';
comment on column usage.counters.alert_due is 'From then on alert_at and fall_at may be outdated, because the clock may have changed the limit';
comment on column usage.counters.headroom is 'Units that may be added to this row without reading limit, reservations and alerts';
comment on column usage.counters.headroom_from is 'Start of the period in which the headroom was granted; a transaction that began earlier belongs to another period and does not use it';
comment on column usage.counters.headroom_until is 'When the headroom ends: with the period, or when the clock may change the limit';
comment on column usage.counters.granted is 'Sum of used and headroom over the shards. Adding to a shard does not change it, so it is exact under this row''s lock alone';
comment on column usage.counters.shards is 'Number of shards that share the additions; 0 for an unsharded counter';
comment on column usage.counters.contention is 'Additions that waited for this row since contention_since; at 8 the counter is split';
comment on column usage.counters.contention_since is 'Start of the second in which contention counts';
comment on column usage.counters.measured_used is 'The use at measured_at; the difference gives the rate of use, by which a sharded counter is merged';
comment on column usage.counters.measured_at is 'When the rate of use was last measured';
comment on column usage.counters.fall_at is 'The level below which a recovered alert is due';

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

comment on table usage.counter_shards is 'Shards of hot counters: writers of one counter add to different rows, so that none waits for the commit of another';
comment on column usage.counter_shards.used is 'Units counted on this shard and not yet moved to usage.counters.used';
comment on column usage.counter_shards.headroom is 'Units granted to this shard alone and not used yet';
comment on column usage.counter_shards.headroom_until is 'When the headroom ends; -infinity when it was taken back';

create table usage.counter_log (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null
);

comment on table usage.counter_log is 'Append-only log of the additions to counters since the last reconciliation. It has no index and no foreign key, so that logging costs one heap insert; usage.reconcile adds it up in usage.counter_log_totals';

create table usage.counter_log_totals (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null,
  constraint counter_log_totals_pkey primary key (workspace_id, metric, period_start),
  constraint counter_log_totals_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint counter_log_totals_metric_fkey foreign key (metric) references usage.metrics (key)
);

comment on table usage.counter_log_totals is 'What the counter log has recorded for each counter up to the last reconciliation; the recount of a counter, which stays when the counted rows are gone';

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

comment on table usage.peaks is 'The highest level of each gauge in each period in which it changed; in a period without a row the level at its start is the peak';

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
comment on column usage.reconciliations.drift is 'counted - recounted: positive when the counter was too high';
comment on column usage.reconciliations.member_id is 'The member whose counter had drifted; null for the workspace''s counter';
