-- Triggers of their own behind those of the workspace: a table whose members nobody limits pays one look a statement.
create function usage.meter_member_raise_branch(p_meter usage.meters)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $branch$
      select
        n.workspace_id,
        %1$L::text as metric,
        n.member_id,
        case
          when (n.workspace_id, n.member_id) is distinct from (o.workspace_id, o.member_id) then n.amount
          else greatest(n.amount - o.amount, 0)
        end as amount
      from (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          (%3$s
          ) as member_id,
          case when (%5$s
          ) then coalesce((%4$s
          )::bigint, 0) else 0 end as amount
        from new_rows as %6$I
      ) n
      join (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          (%3$s
          ) as member_id,
          case when (%5$s
          ) then coalesce((%4$s
          )::bigint, 0) else 0 end as amount
        from old_rows as %6$I
      ) o on o.position = n.position
      where n.amount <> 0$branch$,
    p_meter.metric,
    p_meter.workspace_expression,
    p_meter.member_expression,
    p_meter.amount_expression,
    coalesce(p_meter.live_filter, 'true'),
    (parse_ident(p_meter.table_name))[2]
  )
$$;

comment on function usage.meter_member_raise_branch(usage.meters) is 'usage.meter_raise_branch with the member of each row; what moves between members counts for the one it comes to';

create function usage.member_total(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
    select
      array_agg(t.workspace_id),
      array_agg(t.metric),
      array_agg(t.member_id),
      array_agg(t.amount)
    from (
      select u.workspace_id, u.metric, u.member_id, sum(u.amount)::bigint as amount
      from ($head$ || p_branches || $tail$
      ) u
      where u.workspace_id is not null
        and u.member_id is not null
      group by u.workspace_id, u.metric, u.member_id
      having sum(u.amount) <> 0
      order by u.workspace_id, u.metric, u.member_id
    ) t$tail$
$$;

comment on function usage.member_total(text) is 'One total a workspace, metric and member, in the order in which their counters are locked';

create function usage.member_body(p_metrics text[], p_branches text, p_moves text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $body$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  -- Behind the workspace's counter, whose lock a change of what is counted waits for.
  if not exists (select from billing.member_limits l where l.metric = any (%1$L))
    and not exists (select from usage.member_meters m where m.metric = any (%1$L))
  then
    return null;
  end if;%3$s
  select t.*
  into _workspaces, _metrics, _members, _amounts
  from (%2$s
  ) t;
  perform usage.take_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$body$,
    p_metrics,
    usage.member_total(p_branches),
    case when p_moves is not null then format(
      $moves$
  -- A gauge that moves between members leaves the workspace's counter as it is, and did not take its lock.
  perform usage.lock_counter(v.workspace_id, v.metric, '-infinity')
  from (
    select u.workspace_id, u.metric
    from (%s
    ) u
    where u.workspace_id is not null
      and not exists (
        select
        from usage.member_meters m
        where m.workspace_id = u.workspace_id
          and m.metric = u.metric
      )
    group by u.workspace_id, u.metric
    having sum(u.amount) = 0
    order by u.workspace_id, u.metric
  ) v;$moves$,
      p_moves
    ) end
  )
$$;

comment on function usage.member_body(text[], text, text) is 'The body of the trigger that counts members';

create function usage.rebuild_member_meters(p_table regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _old record;
  _meter record;
  _stem text;
  _event record;
  _metrics text[] := '{}';
  _insert text[] := '{}';
  _update text[] := '{}';
  _gauges text[] := '{}';
  _delete text[] := '{}';
  _truncate text[] := '{}';
  _union constant text := E'\n      union all';
begin
  for _old in
    select t.tgname, t.tgfoid::regprocedure as function
    from pg_trigger t
    where t.tgrelid = p_table
      and t.tgname in (
        'usage_meter_insert_members', 'usage_meter_update_members', 'usage_meter_delete_members',
        'usage_meter_truncate_members'
      )
  loop
    execute format('drop trigger %I on %s', _old.tgname, p_table);
    execute format('drop function %s', _old.function);
  end loop;

  for _meter in
    select m as definition, m.metric, k.kind
    from usage.meters m
    join usage.metrics k on k.key = m.metric
    where m.relation = p_table
      and m.member_expression is not null
    order by m.metric
  loop
    _metrics := _metrics || _meter.metric;
    _insert := _insert || usage.meter_member_branch(_meter.definition, 'new_rows', 1);
    if _meter.kind = 'gauge' then
      _gauges := _gauges
        || usage.meter_member_branch(_meter.definition, 'new_rows', 1)
        || usage.meter_member_branch(_meter.definition, 'old_rows', -1);
      _delete := _delete || usage.meter_member_branch(_meter.definition, 'old_rows', -1);
      _truncate := _truncate || usage.meter_member_branch(_meter.definition, '{{table}}', -1);
    else
      _update := _update || usage.meter_member_raise_branch(_meter.definition);
    end if;
  end loop;
  _update := _gauges || _update;

  select format('meter_%s_%s', n.nspname, c.relname)
  into _stem
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if length(_stem) > 42 then
    _stem := left(_stem, 33) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed and another one came in its place.
  if exists (
    select
    from pg_proc p
    where p.pronamespace = 'usage'::regnamespace
      and p.proname like replace(_stem, '_', '\_') || '\_%\_members'
  ) then
    _stem := left(_stem, 33) || '_' || p_table::oid;
  end if;

  for _event in
    select
      e.name,
      e.timing,
      e.referencing,
      case when e.name = 'truncate' then format(
        $body$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  execute replace(%L, '{{table}}', tg_relid::regclass::text)
  into _workspaces, _metrics, _members, _amounts;
  perform usage.take_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$body$,
        usage.member_total(array_to_string(e.branches, _union))
      )
      else usage.member_body(
        _metrics, array_to_string(e.branches, _union),
        case when e.name = 'update' and _gauges <> '{}' then array_to_string(_gauges, _union) end
      ) end as body
    from (
      values
        ('insert', 'after', 'referencing new table as new_rows', _insert),
        ('update', 'after', 'referencing old table as old_rows new table as new_rows', _update),
        ('delete', 'after', 'referencing old table as old_rows', _delete),
        ('truncate', 'before', '', _truncate)
    ) as e (name, timing, referencing, branches)
    where e.branches <> '{}'
  loop
    execute format(
      'create function usage.%I() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
      _stem || '_' || _event.name || '_members', _event.body
    );
    execute format('revoke execute on function usage.%I() from public', _stem || '_' || _event.name || '_members');
    execute format(
      'create trigger %I %s %s on %s %s for each statement execute function usage.%I()',
      'usage_meter_' || _event.name || '_members', _event.timing, _event.name, p_table, _event.referencing,
      _stem || '_' || _event.name || '_members'
    );
  end loop;
end
$$;

comment on function usage.rebuild_member_meters(regclass) is 'Drops and creates the triggers of a table that count members; by their names they run behind those of the workspace';

create function usage.restart_members(p_metric text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspaces uuid[];
begin
  with dropped as (
    delete from usage.member_meters m
    using usage.metrics k
    where m.metric = p_metric
      and k.key = m.metric
      and k.kind = 'gauge'
    returning m.workspace_id
  ),
  cleared as (
    delete from usage.member_counters c
    using dropped d
    where c.workspace_id = d.workspace_id
      and c.metric = p_metric
  )
  select array_agg(d.workspace_id order by d.workspace_id)
  into _workspaces
  from dropped d;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.begin_members(_workspaces[_n], p_metric);
  end loop;
end
$$;

comment on function usage.restart_members(text) is 'Counts the members of a gauge anew, after another table or expression feeds it';

create function usage.meter_members(p_table regclass, p_metric text, p_member text)
returns usage.meters
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _type text;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  if p_member is not null then
    _type := usage.meter_expression_type(p_table, 'member', p_member);
    if _type <> 'uuid' then
      raise exception using
        errcode = '22023',
        message = format('member expression "%s" of %s is of type %s, not uuid', p_member, p_table, _type);
    end if;
  end if;
  update usage.meters m
  set member_expression = p_member
  where m.relation = p_table
    and m.metric = p_metric
  returning m.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;
  perform usage.restart_members(p_metric);
  perform usage.rebuild_member_meters(p_table);
  return _meter;
end
$$;

comment on function usage.meter_members(regclass, text, text) is 'Says which member a row of a metered table counts for, by an expression of type uuid; null for none';

create trigger meters_require_read_committed_update
before update on usage.meters
for each statement
execute function usage.require_read_committed();

alter function usage.attach_meter(regclass, text, text, text, text) rename to attach_workspace_meter;
alter function usage.detach_meter(regclass, text) rename to detach_workspace_meter;

create function usage.attach_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null,
  p_member text default null
)
returns usage.meters
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
begin
  _meter := usage.attach_workspace_meter(p_table, p_metric, p_workspace, p_amount, p_live);
  if p_member is not null then
    _meter := usage.meter_members(p_table, p_metric, p_member);
  end if;
  return _meter;
end
$$;

comment on function usage.attach_meter(regclass, text, text, text, text, text) is 'Meters a table by statement-level triggers; live rows that exist count into a gauge, whatever the limit, and not into a counter. With p_member they count for a member, too, where members are limited';

create function usage.detach_meter(p_table regclass, p_metric text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.detach_workspace_meter(p_table, p_metric);
  perform usage.restart_members(p_metric);
  perform usage.rebuild_member_meters(p_table);
end
$$;

comment on function usage.detach_meter(regclass, text) is 'Ends a meter; a gauge gives back what the table had, a counter keeps what was used';

revoke execute on function usage.meter_member_raise_branch(usage.meters) from public;
revoke execute on function usage.member_total(text) from public;
revoke execute on function usage.member_body(text[], text, text) from public;
revoke execute on function usage.rebuild_member_meters(regclass) from public;
revoke execute on function usage.restart_members(text) from public;
revoke execute on function usage.meter_members(regclass, text, text) from public;
revoke execute on function usage.attach_meter(regclass, text, text, text, text, text) from public;
revoke execute on function usage.detach_meter(regclass, text) from public;
