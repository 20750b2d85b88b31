comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0. cap_value is the ceiling that no use may pass, null where none; valid_until when the clock may change the answer.';

alter table usage.counters
  add column room bigint not null default 0,
  add column room_from timestamptz not null default '-infinity',
  add column room_until timestamptz not null default '-infinity',
  add column granted bigint not null default 0,
  add column slots smallint not null default 0,
  add column waits smallint not null default 0,
  add column waits_since timestamptz not null default '-infinity',
  add column measured_used bigint not null default 0,
  add column measured_at timestamptz not null default '-infinity',
  add column fall_at bigint not null default -9223372036854775808,
  add constraint counters_room_not_negative check (room >= 0),
  add constraint counters_slots_range check (slots between 0 and 64);

comment on table usage.counters is 'What each workspace has used, without what usage.counter_slots holds of it: usage.counter_totals has both';
comment on column usage.counters.used is 'Counted on this row; a hot counter counts on its slots as well';
comment on column usage.counters.room is 'Units that may be added with no further look at limit, reservations and alerts';
comment on column usage.counters.room_from is 'Start of the period in which the room was granted: a transaction that began before it writes the peak of another period';
comment on column usage.counters.room_until is 'From here on the room is void: the end of the period, or when the clock may change the limit';
comment on column usage.counters.granted is 'Sum of used and room over the slots. Taking leaves it as it is, so that under this row''s lock it is exact without theirs';
comment on column usage.counters.slots is 'How many slots share the additions; 0 is cold';
comment on column usage.counters.waits is 'Additions that waited for this row since waits_since';
comment on column usage.counters.measured_used is 'The use at measured_at, which says how fast a hot counter moves';
comment on column usage.counters.alert_due is 'From here on the next addition asks usage.note_level again, as the limit may be another one';
comment on column usage.counters.fall_at is 'The level below which usage.note_level has something to write again';

create index counters_hot_idx on usage.counters (workspace_id)
where slots > 0 or granted > 0;

create table usage.counter_slots (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  slot smallint not null,
  used bigint not null default 0,
  room bigint not null default 0,
  room_until timestamptz not null default '-infinity',
  updated_at timestamptz not null default now(),
  constraint counter_slots_pkey primary key (workspace_id, metric, period_start, slot),
  constraint counter_slots_counter_fkey foreign key (workspace_id, metric, period_start)
    references usage.counters (workspace_id, metric, period_start) on delete cascade,
  constraint counter_slots_room_not_negative check (room >= 0)
)
with (fillfactor = 50);

comment on table usage.counter_slots is 'Shares of hot counters: writers of one counter add to different rows, and none waits for the other''s commit';
comment on column usage.counter_slots.used is 'Counted here and not yet in usage.counters.used';
comment on column usage.counter_slots.room is 'Units of the counter''s room that only this slot may use';

create view usage.counter_totals as
select
  counters.workspace_id,
  counters.metric,
  counters.period_start,
  -- Most counters are cold, and read nothing more.
  counters.used + case when counters.granted > 0 then spread.used else 0 end as used,
  case when counters.granted > 0 then greatest(counters.updated_at, spread.updated_at) else counters.updated_at end as updated_at,
  case when counters.granted > 0 then counters.granted - spread.used else 0 end as spare,
  counters.alert_at,
  counters.alert_due
from usage.counters
left join lateral (
  select
    coalesce(sum(counter_slots.used), 0)::bigint as used,
    max(counter_slots.updated_at) filter (where counter_slots.used > 0) as updated_at
  from usage.counter_slots
  where counters.granted > 0
    and counter_slots.workspace_id = counters.workspace_id
    and counter_slots.metric = counters.metric
    and counter_slots.period_start = counters.period_start
) as spread on true;

comment on view usage.counter_totals is 'The use of every counter, slots included; the one place that adds them up.';
comment on column usage.counter_totals.spare is 'What slots may still use without asking.';
