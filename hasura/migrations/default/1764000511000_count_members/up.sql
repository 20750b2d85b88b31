create table usage.member_meters (
  workspace_id uuid not null,
  metric text not null,
  created_at timestamptz not null default now(),
  constraint member_meters_pkey primary key (metric, workspace_id),
  constraint member_meters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint member_meters_metric_fkey foreign key (metric) references usage.metrics (key) on delete cascade
);

create index member_meters_workspace_id_idx on usage.member_meters (workspace_id);

comment on table usage.member_meters is 'For which workspaces the use of each member is counted: where a limit of members once applied. The others pay one look.';

create table usage.member_counters (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  used bigint not null,
  updated_at timestamptz not null default now(),
  constraint member_counters_pkey primary key (workspace_id, metric, period_start, member_id),
  constraint member_counters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
)
with (fillfactor = 50);

create index member_counters_member_id_idx on usage.member_counters (member_id);

comment on table usage.member_counters is 'What each member has used of its workspace''s use; written by usage.take_members alone, whose row lock serialises the use of one member';
comment on column usage.member_counters.period_start is 'Start of the period of a counter; -infinity for a gauge';
comment on column usage.member_counters.member_id is 'The user; it may have left, and its rows still count';

create table usage.member_entries (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  amount bigint not null
);

comment on table usage.member_entries is 'Every addition to a counter of a member since the last reconciliation, as usage.counter_entries has them of the workspace';

create table usage.member_tallies (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  amount bigint not null,
  constraint member_tallies_pkey primary key (workspace_id, metric, period_start, member_id),
  constraint member_tallies_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

comment on table usage.member_tallies is 'Folded usage.member_entries';

alter table usage.meters
  add column member_expression text;

comment on column usage.meters.member_expression is 'The member that a row counts for, beside its workspace; null: for the workspace alone';

alter table usage.reservations
  add column member_id uuid;

comment on column usage.reservations.member_id is 'The member that the room is held for, beside its workspace; null: for the workspace alone';

create function usage.meter_member_branch(p_meter usage.meters, p_source text, p_sign integer)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $branch$
      select
        (%1$s
        ) as workspace_id,
        %2$L::text as metric,
        (%3$s
        ) as member_id,
        %4$s * (%5$s
        )::bigint as amount
      from %6$s as %7$I
      where (%8$s
      )$branch$,
    p_meter.workspace_expression,
    p_meter.metric,
    p_meter.member_expression,
    p_sign,
    p_meter.amount_expression,
    p_source,
    (parse_ident(p_meter.table_name))[2],
    coalesce(p_meter.live_filter, 'true')
  )
$$;

comment on function usage.meter_member_branch(usage.meters, text, integer) is 'usage.meter_branch with the member of each row';

create function usage.recount_members(p_workspace_id uuid, p_metric text)
returns table (member_id uuid, amount bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _branches text;
begin
  select string_agg(
    usage.meter_member_branch(m, m.relation::text, 1) || format(E'\n and ((%s\n)) = $1', m.workspace_expression),
    E'\n union all ' order by m.relation
  )
  into _branches
  from usage.meters m
  join pg_class c on c.oid = m.relation
  where m.metric = p_metric
    and m.member_expression is not null;
  if _branches is null then
    return;
  end if;
  return query execute
    'select u.member_id, sum(u.amount)::bigint from (' || _branches || E'\n) u where u.member_id is not null group by u.member_id'
  using p_workspace_id;
end
$$;

comment on function usage.recount_members(uuid, text) is 'What the live rows of a workspace say of the members'' use of a gauge';

create function usage.begin_members(p_workspace_id uuid, p_metric text)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _kind text;
  _feed text;
begin
  perform 1
  from usage.member_meters m
  where m.workspace_id = p_workspace_id
    and m.metric = p_metric;
  if found then
    return 'on';
  end if;
  perform 1
  from billing.member_limit_of(p_workspace_id, p_metric);
  if not found then
    return 'off';
  end if;

  select m.kind, m.feed
  into _kind, _feed
  from usage.metrics m
  where m.key = p_metric;
  -- Every writer of a gauge holds this lock to the end of its transaction: what is counted here is committed or one's
  -- own, and whoever comes after finds the row that is written below.
  if _kind = 'gauge' then
    perform usage.lock_counter(p_workspace_id, p_metric, '-infinity');
  end if;
  insert into usage.member_meters (workspace_id, metric)
  values (p_workspace_id, p_metric)
  on conflict on constraint member_meters_pkey do nothing;
  if not found or _kind <> 'gauge' or _feed <> 'rows' then
    return 'on';
  end if;
  delete from usage.member_counters c
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = '-infinity';
  insert into usage.member_counters (workspace_id, metric, period_start, member_id, used)
  select p_workspace_id, p_metric, '-infinity', r.member_id, r.amount
  from usage.recount_members(p_workspace_id, p_metric) r
  order by r.member_id;
  return 'begun';
end
$$;

comment on function usage.begin_members(uuid, text) is 'Whether the members of a workspace are counted (on), or not (off); begun says that it counted a gauge''s rows just now, those of the present statement too';

create function usage.member_held(p_workspace_id uuid, p_metric text, p_member_id uuid)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(r.amount), 0)::bigint
    from usage.reservations r
    where r.workspace_id = p_workspace_id
      and r.metric = p_metric
      and r.member_id = p_member_id
      and r.status = 'held'
      and r.expires_at > now()
      and r.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.member_held(uuid, text, uuid) is 'What live reservations hold of a metric for a member, without the one that this transaction draws on';

create function usage.raise_member_limit(
  p_workspace_id uuid,
  p_metric text,
  p_member_id uuid,
  p_amount bigint,
  p_used bigint,
  p_held bigint,
  p_limit bigint
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '23U01',
    message = format(
      'limit of %s %s a member reached: %s used, %s%s more asked',
      p_limit, p_metric, p_used, case when p_held > 0 then p_held::text || ' reserved, ' else '' end, p_amount
    ),
    detail = json_build_object(
      'code', 'usage-limit-exceeded',
      'limitedBy', 'member-limit',
      'workspaceId', p_workspace_id,
      'memberId', p_member_id,
      'metric', p_metric,
      'amount', p_amount,
      'used', p_used,
      'reserved', p_held,
      'limit', p_limit,
      'remaining', greatest(p_limit - p_used - p_held, 0)
    )::text;
end
$$;

comment on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) is 'The refusal of a limit of members: SQLSTATE 23U01, the decision as JSON in DETAIL';

create function usage.take_members(
  p_workspaces uuid[],
  p_metrics text[],
  p_members uuid[],
  p_amounts bigint[],
  p_enforce boolean default true
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspace uuid;
  _metric text;
  _state text;
  _start timestamptz;
  _limit bigint;
  _used bigint;
  _held bigint;
begin
  for _n in 1..coalesce(cardinality(p_workspaces), 0) loop
    if (p_workspaces[_n], p_metrics[_n]) is distinct from (_workspace, _metric) then
      _workspace := p_workspaces[_n];
      _metric := p_metrics[_n];
      _state := usage.begin_members(_workspace, _metric);
      if _state <> 'off' then
        select case m.kind when 'gauge' then '-infinity' else p.period_start end
        into _start
        from usage.metrics m
        cross join usage.period(_workspace, now()) p
        where m.key = _metric;
        select l.limit_value
        into _limit
        from billing.member_limit_of(_workspace, _metric) l;
      end if;
    end if;
    continue when _state = 'off' or p_amounts[_n] = 0;

    if _state = 'begun' then
      select c.used
      into _used
      from usage.member_counters c
      where c.workspace_id = _workspace
        and c.metric = _metric
        and c.period_start = _start
        and c.member_id = p_members[_n];
    elsif p_amounts[_n] < 0 then
      -- Rows of a workspace that is being deleted give back to a counter that is gone already.
      update usage.member_counters c
      set
        used = c.used + p_amounts[_n],
        updated_at = now()
      where c.workspace_id = _workspace
        and c.metric = _metric
        and c.period_start = _start
        and c.member_id = p_members[_n];
    else
      insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n])
      on conflict on constraint member_counters_pkey do update
        set
          used = c.used + excluded.used,
          updated_at = now()
      returning c.used
      into _used;
    end if;
    if _start > '-infinity' then
      insert into usage.member_entries (workspace_id, metric, period_start, member_id, amount)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n]);
    end if;
    -- Behind the write, whose lock others wait for: what is held is read when it can change no more.
    if p_enforce and p_amounts[_n] > 0 and _limit is not null then
      _held := usage.member_held(_workspace, _metric, p_members[_n]);
      if _used::numeric + _held > _limit then
        perform usage.raise_member_limit(
          _workspace, _metric, p_members[_n], p_amounts[_n], _used - p_amounts[_n], _held, _limit
        );
      end if;
    end if;
  end loop;
end
$$;

comment on function usage.take_members(uuid[], text[], uuid[], bigint[], boolean) is 'Adds to the counters of members, given in key order, where their workspace counts them, behind the counters of the workspaces; refuses with SQLSTATE 23U01 what would pass a member''s limit';

create function usage.begin_limited_members() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.begin_members(new.workspace_id, new.metric)
  from usage.metrics m
  where m.key = new.metric;
  return null;
end
$$;

comment on function usage.begin_limited_members() is 'Counts the members from the moment that a workspace limits them; limits of a plan begin with the next use.';

create trigger member_limits_begin_members
after insert or update on billing.member_limits
for each row
when (new.workspace_id is not null)
execute function usage.begin_limited_members();

revoke execute on function usage.meter_member_branch(usage.meters, text, integer) from public;
revoke execute on function usage.recount_members(uuid, text) from public;
revoke execute on function usage.begin_members(uuid, text) from public;
revoke execute on function usage.member_held(uuid, text, uuid) from public;
revoke execute on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) from public;
revoke execute on function usage.take_members(uuid[], text[], uuid[], bigint[], boolean) from public;
revoke execute on function usage.begin_limited_members() from public;
