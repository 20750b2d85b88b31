create table usage.counters (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  used bigint not null,
  updated_at timestamptz not null default now(),
  constraint counters_pkey primary key (workspace_id, metric, period_start),
  constraint counters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint counters_metric_fkey foreign key (metric) references usage.metrics (key)
)
with (fillfactor = 50);

comment on table usage.counters is 'What each workspace has used; written by usage.add alone, whose row lock serialises the use of one metric';
comment on column usage.counters.period_start is 'Start of the period of a counter; -infinity for a gauge, which has one row for all time';

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

create table usage.counter_entries (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null
);

comment on table usage.counter_entries is 'Every addition to a counter since the last reconciliation, append-only and without an index, so that recording it costs one heap insert; the reconciliation folds it into usage.counter_tallies';

create table usage.counter_tallies (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  amount bigint not null,
  constraint counter_tallies_pkey primary key (workspace_id, metric, period_start),
  constraint counter_tallies_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint counter_tallies_metric_fkey foreign key (metric) references usage.metrics (key)
);

comment on table usage.counter_tallies is 'Folded usage.counter_entries: what was added to each counter, kept after the counted rows are gone';

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
  constraint reservations_pkey primary key (id),
  constraint reservations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint reservations_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint reservations_amount_positive check (amount > 0),
  constraint reservations_committed_amount_range check (committed_amount between 0 and amount),
  constraint reservations_status_known check (status in ('held', 'committed', 'released', 'expired'))
);

create index reservations_held_idx on usage.reservations (workspace_id, metric)
where status = 'held';

create index reservations_expires_at_idx on usage.reservations (expires_at)
where status = 'held';

comment on table usage.reservations is 'Amounts held until they are committed, released or expired';
comment on column usage.reservations.expires_at is 'From here on the amount is free again, whether or not the status says so yet';

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
  constraint reconciliations_pkey primary key (id),
  constraint reconciliations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint reconciliations_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint reconciliations_drift_exact check (drift = counted - recounted)
);

create index reconciliations_workspace_id_created_at_idx on usage.reconciliations (workspace_id, created_at);

comment on table usage.reconciliations is 'One row for each counter that differed from its recount';
comment on column usage.reconciliations.drift is 'counted - recounted: positive when the counter said too much';

-- usage.counter_entries has no foreign key, which would cost a row lock on the workspace for every entry;
-- these triggers do what the key would have done.
create function usage.forget_entries()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.counter_entries;
  else
    delete from usage.counter_entries e
    using gone g
    where e.workspace_id = g.id;
  end if;
  return null;
end
$$;

revoke execute on function usage.forget_entries() from public;

create trigger usage_forget_entries_delete
after delete on public.workspaces
referencing old table as gone
for each statement
execute function usage.forget_entries();

create trigger usage_forget_entries_truncate
after truncate on public.workspaces
for each statement
execute function usage.forget_entries();
