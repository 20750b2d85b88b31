create schema usage;

comment on schema usage is 'What is counted, for whom, and up to where.';

create table billing.period_anchors (
  id bigint generated always as identity,
  workspace_id uuid not null,
  valid_from timestamptz not null,
  anchor_at timestamptz,
  time_zone text not null,
  bridge_until timestamptz,
  created_at timestamptz not null default now(),
  constraint period_anchors_pkey primary key (id),
  constraint period_anchors_workspace_id_valid_from_key unique (workspace_id, valid_from),
  constraint period_anchors_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint period_anchors_bridge_until_after_valid_from check (bridge_until > valid_from)
);

comment on table billing.period_anchors is 'From when on which anchor and time zone shape the periods of a workspace; no row means calendar months. Written by trigger only.';
comment on column billing.period_anchors.valid_from is 'Always the start of a period.';
comment on column billing.period_anchors.anchor_at is 'Null is the calendar month.';
comment on column billing.period_anchors.bridge_until is 'End of the one longer period that joins the old rhythm to the new, so that a new anchor never resets a counter early.';

create function billing.anchored_period(anchor_at timestamptz, time_zone text, at timestamptz)
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
as $$
declare
  -- steps are counted from the first anchor, never from the month before: day 31 survives February
  origin timestamp := coalesce(anchored_period.anchor_at at time zone anchored_period.time_zone, timestamp '2000-01-01');
  local_at timestamp := anchored_period.at at time zone anchored_period.time_zone;
  steps integer := (extract(year from local_at) - extract(year from origin)) * 12 + extract(month from local_at) - extract(month from origin);
begin
  period_start := (origin + make_interval(months => steps)) at time zone anchored_period.time_zone;
  -- compared as instants: local times repeat or are missing when clocks change
  if period_start > anchored_period.at then
    period_end := period_start;
    period_start := (origin + make_interval(months => steps - 1)) at time zone anchored_period.time_zone;
  else
    period_end := (origin + make_interval(months => steps + 1)) at time zone anchored_period.time_zone;
  end if;
  return next;
end
$$;

comment on function billing.anchored_period(timestamptz, text, timestamptz) is 'The month [start, end) that holds a moment, in local time from an anchor; without anchor the calendar month.';

create function usage.period(workspace_id uuid, at timestamptz default now())
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
as $$
declare
  zone text;
  has_anchors boolean;
  local_start timestamp;
  governing billing.period_anchors;
  next_from timestamptz;
begin
  select w.time_zone, exists (select from billing.period_anchors a where a.workspace_id = w.id)
  into zone, has_anchors
  from public.workspaces w
  where w.id = period.workspace_id;
  zone := coalesce(zone, 'UTC');

  -- every metered write comes through here, nearly always without an anchor
  if has_anchors is not true then
    local_start := date_trunc('month', period.at at time zone zone);
    period_start := local_start at time zone zone;
    period_end := (local_start + interval '1 month') at time zone zone;
    if period_start <= period.at and period.at < period_end then
      return next;
      return;
    end if;
  end if;

  select *
  into governing
  from billing.period_anchors a
  where a.workspace_id = period.workspace_id
  and a.valid_from <= period.at
  order by a.valid_from desc
  limit 1;

  if governing.bridge_until > period.at then
    period_start := governing.valid_from;
    period_end := governing.bridge_until;
    return next;
    return;
  end if;

  select p.period_start, p.period_end
  into period_start, period_end
  from billing.anchored_period(governing.anchor_at, coalesce(governing.time_zone, zone), period.at) p;

  select a.valid_from
  into next_from
  from billing.period_anchors a
  where a.workspace_id = period.workspace_id
  and a.valid_from > period.at
  order by a.valid_from
  limit 1;

  period_end := least(period_end, next_from);
  return next;
end
$$;

comment on function usage.period(uuid, timestamptz) is 'The period [start, end) of a workspace that holds a moment; a calendar month in UTC for an unknown workspace.';

create function billing.has_counted(workspace_id uuid) returns boolean
language plpgsql
stable
as $$
begin
  return exists (
    select
    from usage.counters c
    where c.workspace_id = has_counted.workspace_id
    and c.period_start > '-infinity'
    and c.used > 0
  );
end
$$;

comment on function billing.has_counted(uuid) is 'Whether a workspace has used anything that a new period would hand back.';

create function billing.move_anchor(workspace_id uuid, new_anchor timestamptz, old_zone text, new_zone text, at timestamptz) returns void
language plpgsql
as $$
declare
  present record;
  following record;
begin
  -- without use there is nothing to hand back: the new rhythm starts at once
  if not billing.has_counted(move_anchor.workspace_id) then
    select * into present from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, move_anchor.at);
    delete from billing.period_anchors a
    where a.workspace_id = move_anchor.workspace_id
    and a.valid_from >= present.period_start;
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, present.period_start, move_anchor.new_anchor, move_anchor.new_zone);
    return;
  end if;

  if not exists (select from billing.period_anchors a where a.workspace_id = move_anchor.workspace_id) then
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, '-infinity', null, move_anchor.old_zone);
  end if;

  select * into present from usage.period(move_anchor.workspace_id, greatest(move_anchor.at, now()));
  select * into following from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, present.period_end);

  delete from billing.period_anchors a
  where a.workspace_id = move_anchor.workspace_id
  and a.valid_from >= present.period_start;
  insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
  values (
    move_anchor.workspace_id,
    present.period_start,
    move_anchor.new_anchor,
    move_anchor.new_zone,
    case when following.period_start = present.period_end then present.period_end else following.period_end end
  );
end
$$;

comment on function billing.move_anchor(uuid, timestamptz, text, text, timestamptz) is 'Changes the rhythm of a workspace from a moment on; use so far stays counted until the old period has ended.';

create function billing.prepare_subscription() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    new.starts_at := coalesce(new.starts_at, least(new.anchor_at, now()));
    new.anchor_at := coalesce(
      new.anchor_at,
      (
        select a.anchor_at
        from billing.period_anchors a
        where a.workspace_id = new.workspace_id
        and a.valid_from <= new.starts_at
        order by a.valid_from desc
        limit 1
      ),
      (select p.period_start from usage.period(new.workspace_id, new.starts_at) p)
    );
    -- one that ran out may still say active; it must not stand in the way of its successor
    if new.status in ('trialing', 'active', 'past_due') then
      update billing.subscriptions s
      set status = 'cancelled'
      where s.workspace_id = new.workspace_id
      and s.status in ('trialing', 'active', 'past_due')
      and s.ends_at <= now();
    end if;
  else
    new.updated_at := now();
  end if;
  -- period bounds travel through clients whose clocks know milliseconds, and must compare equal when they come back
  new.anchor_at := date_trunc('milliseconds', new.anchor_at);
  if new.status = 'cancelled' then
    new.ends_at := greatest(new.starts_at, least(coalesce(new.ends_at, now()), now()));
  end if;
  return new;
end
$$;

create trigger subscriptions_prepare
before insert or update on billing.subscriptions
for each row execute function billing.prepare_subscription();

create function billing.apply_subscription_anchor() returns trigger
language plpgsql
as $$
declare
  zone text;
  moment timestamptz := new.starts_at;
  governing billing.period_anchors;
begin
  if new.status not in ('trialing', 'active', 'past_due') then
    return null;
  end if;
  -- the lock puts two changes of one workspace in order
  select w.time_zone into zone from public.workspaces w where w.id = new.workspace_id for no key update;

  if billing.has_counted(new.workspace_id) then
    moment := greatest(moment, now());
  end if;
  select *
  into governing
  from billing.period_anchors a
  where a.workspace_id = new.workspace_id
  and a.valid_from <= moment
  order by a.valid_from desc
  limit 1;

  if governing.anchor_at = new.anchor_at then
    return null;
  end if;
  -- an anchor at a local start of month is the calendar month
  if governing.anchor_at is null
  and new.anchor_at = date_trunc('month', new.anchor_at at time zone zone) at time zone zone then
    return null;
  end if;
  perform billing.move_anchor(new.workspace_id, new.anchor_at, zone, zone, moment);
  return null;
end
$$;

create trigger subscriptions_apply_anchor
after insert or update of anchor_at, starts_at, status on billing.subscriptions
for each row execute function billing.apply_subscription_anchor();

create function billing.apply_time_zone() returns trigger
language plpgsql
as $$
declare
  anchor timestamptz;
begin
  if not billing.has_counted(new.id) then
    update billing.period_anchors
    set time_zone = new.time_zone
    where workspace_id = new.id;
    return null;
  end if;
  select a.anchor_at
  into anchor
  from billing.period_anchors a
  where a.workspace_id = new.id
  and a.valid_from <= now()
  order by a.valid_from desc
  limit 1;
  perform billing.move_anchor(new.id, anchor, old.time_zone, new.time_zone, now());
  return null;
end
$$;

create trigger workspaces_apply_time_zone
after update of time_zone on public.workspaces
for each row
when (old.time_zone is distinct from new.time_zone)
execute function billing.apply_time_zone();
