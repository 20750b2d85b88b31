create table usage.meters (
  id uuid not null default gen_random_uuid(),
  table_name text not null,
  relation regclass not null,
  metric text not null,
  workspace_expression text not null,
  amount_expression text not null,
  live_filter text,
  created_at timestamptz not null default now(),
  constraint meters_pkey primary key (id),
  constraint meters_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint meters_relation_metric_key unique (relation, metric)
);

comment on table usage.meters is 'Which table feeds which metric; written by usage.attach_meter and usage.detach_meter alone';
comment on column usage.meters.table_name is 'Schema-qualified name of the table when the meter was attached';
comment on column usage.meters.relation is 'The table itself, which a rename does not change';
comment on column usage.meters.live_filter is 'Rows that count; null for all';

-- One select of (workspace_id, metric, amount, refused) over the rows of one meter. The rows have the alias
-- under which the expressions were checked, whatever the table is called by now.
create function usage.meter_branch(p_meter usage.meters, p_source text, p_sign integer)
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
        %3$s * (%4$s
        )::bigint as amount,
        %5$s as refused
      from %6$s as %7$I
      where (%8$s
      )$branch$,
    p_meter.workspace_expression,
    p_meter.metric,
    p_sign,
    p_meter.amount_expression,
    case when p_sign < 0 then 'false' else format(
      E'(%s\n        ) is null or (%s\n        )::bigint < 0',
      p_meter.workspace_expression, p_meter.amount_expression
    ) end,
    p_source,
    (parse_ident(p_meter.table_name))[2],
    coalesce(p_meter.live_filter, 'true')
  )
$$;

-- A counter takes what an update raises, row by row; both transition tables hold the rows of one update in
-- the same order.
create function usage.meter_raise_branch(p_meter usage.meters)
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
        case
          when n.workspace_id is distinct from o.workspace_id then n.amount
          else greatest(n.amount - o.amount, 0)
        end as amount,
        n.amount < 0 or (n.workspace_id is null and n.amount > 0) as refused
      from (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          case when (%4$s
          ) then coalesce((%3$s
          )::bigint, 0) else 0 end as amount
        from new_rows as %5$I
      ) n
      join (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          case when (%4$s
          ) then coalesce((%3$s
          )::bigint, 0) else 0 end as amount
        from old_rows as %5$I
      ) o on o.position = n.position
      where n.amount <> 0$branch$,
    p_meter.metric,
    p_meter.workspace_expression,
    p_meter.amount_expression,
    coalesce(p_meter.live_filter, 'true'),
    (parse_ident(p_meter.table_name))[2]
  )
$$;

-- The loop over one total a workspace and metric, in the order in which all locks on counters are taken.
create function usage.meter_body(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
#variable_conflict use_column
declare
  _use record;
begin
  for _use in
    select
      u.workspace_id,
      u.metric,
      sum(u.amount)::bigint as amount,
      bool_or(u.refused) as refused
    from ($head$ || p_branches || $tail$
    ) u
    group by u.workspace_id, u.metric
    having sum(u.amount) <> 0 or bool_or(u.refused)
    order by u.workspace_id, u.metric
  loop
    if _use.refused then
      raise exception using
        errcode = '23U02',
        message = format('a row of %s without a workspace or with a negative amount cannot be counted as %s', tg_table_name, _use.metric),
        detail = json_build_object('code', 'invalid-input', 'metric', _use.metric)::text;
    end if;
    if _use.workspace_id is not null then
      perform usage.add(_use.workspace_id, _use.metric, _use.amount);
    end if;
  end loop;
  return null;
end
$tail$
$$;

create function usage.create_meter_trigger(
  p_table regclass,
  p_stem text,
  p_timing text,
  p_event text,
  p_referencing text,
  p_body text
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _function text := format('usage.%I', p_stem || '_' || p_event);
begin
  execute format(
    'create function %s() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
    _function, p_body
  );
  execute format('revoke execute on function %s() from public', _function);
  execute format(
    'create trigger %I %s %s on %s %s for each statement execute function %s()',
    'usage_meter_' || p_event, p_timing, p_event, p_table, p_referencing, _function
  );
end
$$;

comment on function usage.create_meter_trigger(regclass, text, text, text, text, text) is 'Creates one statement trigger of a metered table and the function behind it; the function runs with the rights of its owner';

create function usage.rebuild_meters(p_table regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _schema text;
  _relation text;
  _stem text;
  _event text;
  _branches text[];
  _referencing text;
  _old record;
  _meter record;
  _insert text[] := '{}';
  _update text[] := '{}';
  _delete text[] := '{}';
  _truncate text[] := '{}';
  _union constant text := E'\n      union all';
begin
  select n.nspname, c.relname
  into _schema, _relation
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;

  for _old in
    select t.tgname, t.tgfoid::regprocedure as function
    from pg_trigger t
    where t.tgrelid = p_table
      and t.tgname in ('usage_meter_insert', 'usage_meter_update', 'usage_meter_delete', 'usage_meter_truncate')
  loop
    execute format('drop trigger %I on %s', _old.tgname, p_table);
    execute format('drop function %s', _old.function);
  end loop;

  for _meter in
    select m as definition, k.kind
    from usage.meters m
    join usage.metrics k on k.key = m.metric
    where m.relation = p_table
    order by m.metric
  loop
    _insert := _insert || usage.meter_branch(_meter.definition, 'new_rows', 1);
    if _meter.kind = 'gauge' then
      _update := _update
        || usage.meter_branch(_meter.definition, 'new_rows', 1)
        || usage.meter_branch(_meter.definition, 'old_rows', -1);
      _delete := _delete || usage.meter_branch(_meter.definition, 'old_rows', -1);
      _truncate := _truncate || usage.meter_branch(_meter.definition, '{{table}}', -1);
    else
      _update := _update || usage.meter_raise_branch(_meter.definition);
    end if;
  end loop;

  _stem := format('meter_%s_%s', _schema, _relation);
  if length(_stem) > 50 then
    _stem := left(_stem, 41) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed or dropped with its meters and another one came in its place.
  if exists (
    select
    from pg_proc p
    where p.pronamespace = 'usage'::regnamespace
      and p.proname in (_stem || '_insert', _stem || '_update', _stem || '_delete', _stem || '_truncate')
  ) then
    _stem := left(_stem, 41) || '_' || p_table::oid;
  end if;

  for _event, _branches, _referencing in
    select e.event, e.branches, e.referencing
    from (
      values
        ('insert', _insert, 'new table as new_rows'),
        ('update', _update, 'old table as old_rows new table as new_rows'),
        ('delete', _delete, 'old table as old_rows')
    ) as e (event, branches, referencing)
    where e.branches <> '{}'
  loop
    perform usage.create_meter_trigger(
      p_table, _stem, 'after', _event, 'referencing ' || _referencing,
      usage.meter_body(array_to_string(_branches, _union))
    );
  end loop;

  if _truncate <> '{}' then
    perform usage.create_meter_trigger(
      p_table, _stem, 'before', 'truncate', '',
      format(
        $body$
declare
  _use record;
begin
  -- An older snapshot may miss rows that the truncate removes.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '23U02',
      message = format('%%s is metered: truncate it in a read committed transaction', tg_table_name);
  end if;
  for _use in execute replace(%L, '{{table}}', tg_relid::regclass::text)
  loop
    perform usage.add(_use.workspace_id, _use.metric, _use.amount);
  end loop;
  return null;
end
$body$,
        usage.meter_total(array_to_string(_truncate, _union))
      )
    );
  end if;
end
$$;

comment on function usage.rebuild_meters(regclass) is 'Drops and creates the triggers of a table and their functions from usage.meters';

create function usage.meter_total(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select 'select u.workspace_id, u.metric, sum(u.amount)::bigint as amount from ('
    || p_branches
    || E'\n) u where u.workspace_id is not null group by u.workspace_id, u.metric'
    || ' having sum(u.amount) <> 0 order by u.workspace_id, u.metric'
$$;

create function usage.meter_expression_type(p_table regclass, p_what text, p_expression text)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
  _probe text;
  _type text;
begin
  if p_expression is null or position(';' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must be one expression without a semicolon', p_what, p_table);
  end if;
  select c.relname
  into _relation
  from pg_class c
  where c.oid = p_table;
  _probe := format('pg_temp.%I', _relation);
  begin
    execute format('create temporary table %s (like %s)', _probe, p_table);
    -- Only an immutable expression of the row itself is the same when the row is deleted or recounted as when
    -- it was inserted; an index on an empty copy asks Postgres for just that.
    execute format(E'create index usage_meter_probe on %s ((%s\n))', _probe, p_expression);
    select format_type(a.atttypid, null)
    into _type
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and a.attnum = 1
    where i.indrelid = _probe::regclass;
    execute format('drop table %s', _probe);
  exception when others then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm);
  end;
  return _type;
end
$$;

create function usage.attach_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null
)
returns usage.meters
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _class record;
  _metric usage.metrics;
  _meter usage.meters;
  _type text;
  _use record;
  _refused boolean;
begin
  select c.relkind, c.relpersistence, c.relispartition, n.nspname, c.relname
  into _class
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if not found then
    raise exception using errcode = '22023', message = 'a meter needs a table';
  end if;
  if _class.relkind <> 'r' or _class.relpersistence <> 'p' or _class.relispartition
    or exists (select from pg_inherits i where i.inhrelid = p_table or i.inhparent = p_table)
  then
    raise exception using
      errcode = '22023',
      message = format('%s cannot be metered: it is not a plain permanent table (views, foreign, unlogged, temporary, partitioned and inherited tables can be written past a statement trigger)', p_table);
  end if;
  if _class.nspname in ('usage', 'pg_catalog', 'information_schema') then
    raise exception using errcode = '22023', message = format('%s cannot be metered: it belongs to the system', p_table);
  end if;

  select m.*
  into _metric
  from usage.metrics m
  where m.key = p_metric;
  if not found then
    raise exception using errcode = '22023', message = format('unknown metric "%s"', p_metric);
  end if;
  if _metric.feed <> 'rows' then
    raise exception using errcode = '22023', message = format('metric "%s" is fed by the gate, not by rows of a table', p_metric);
  end if;

  -- A dropped table takes its triggers along but not its meters.
  delete from usage.meters m
  where not exists (select from pg_class c where c.oid = m.relation);

  execute format('lock table %s in share row exclusive mode', p_table);
  if exists (select from usage.meters m where m.relation = p_table and m.metric = p_metric) then
    raise exception using errcode = '22023', message = format('%s has a meter of "%s" already', p_table, p_metric);
  end if;

  _type := usage.meter_expression_type(p_table, 'workspace', p_workspace);
  if _type <> 'uuid' then
    raise exception using
      errcode = '22023',
      message = format('workspace expression "%s" of %s is of type %s, not uuid', p_workspace, p_table, _type);
  end if;
  _type := usage.meter_expression_type(p_table, 'amount', p_amount);
  if _type not in ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision') then
    raise exception using
      errcode = '22023',
      message = format('amount expression "%s" of %s is of type %s, not a number', p_amount, p_table, _type);
  end if;
  if p_live is not null then
    _type := usage.meter_expression_type(p_table, 'live', p_live);
    if _type <> 'boolean' then
      raise exception using
        errcode = '22023',
        message = format('live expression "%s" of %s is of type %s, not boolean', p_live, p_table, _type);
    end if;
  end if;

  insert into usage.meters (table_name, relation, metric, workspace_expression, amount_expression, live_filter)
  values (format('%I.%I', _class.nspname, _class.relname), p_table, p_metric, p_workspace, p_amount, p_live)
  returning *
  into _meter;

  execute format(
    'select bool_or(u.refused) from (%s) u',
    usage.meter_branch(_meter, p_table::text, 1)
  )
  into _refused;
  if _refused then
    raise exception using
      errcode = '22023',
      message = format('%s has rows without a workspace or with a negative amount, which "%s" cannot count', p_table, p_metric);
  end if;

  if _metric.kind = 'gauge' then
    for _use in execute usage.meter_total(usage.meter_branch(_meter, p_table::text, 1))
    loop
      perform usage.add(_use.workspace_id, _use.metric, _use.amount, false);
    end loop;
  end if;

  perform usage.rebuild_meters(p_table);
  return _meter;
end
$$;

comment on function usage.attach_meter(regclass, text, text, text, text) is 'Meters a table by statement-level triggers; live rows that exist count into a gauge, whatever the limit, and not into a counter';

create function usage.detach_meter(p_table regclass, p_metric text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _kind text;
  _use record;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  delete from usage.meters m
  where m.relation = p_table
    and m.metric = p_metric
  returning m.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;

  select m.kind
  into _kind
  from usage.metrics m
  where m.key = p_metric;
  if _kind = 'gauge' then
    for _use in execute usage.meter_total(usage.meter_branch(_meter, p_table::text, -1))
    loop
      perform usage.add(_use.workspace_id, _use.metric, _use.amount);
    end loop;
  end if;

  perform usage.rebuild_meters(p_table);
end
$$;

comment on function usage.detach_meter(regclass, text) is 'Ends a meter; a gauge gives back what the table had, a counter keeps what was used';

revoke execute on function usage.meter_branch(usage.meters, text, integer) from public;
revoke execute on function usage.meter_raise_branch(usage.meters) from public;
revoke execute on function usage.meter_body(text) from public;
revoke execute on function usage.meter_total(text) from public;
revoke execute on function usage.create_meter_trigger(regclass, text, text, text, text, text) from public;
revoke execute on function usage.rebuild_meters(regclass) from public;
revoke execute on function usage.meter_expression_type(regclass, text, text) from public;
revoke execute on function usage.attach_meter(regclass, text, text, text, text) from public;
revoke execute on function usage.detach_meter(regclass, text) from public;
