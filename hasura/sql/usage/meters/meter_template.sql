create or replace function usage.meter_template(p_part text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $function$
  select part.template
  from (
    values

-- The function behind each trigger.
('function', $template$
create or replace function {{function}}()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as {{body}};

revoke execute on function {{function}}() from public;
$template$),

-- The four triggers. Those that count members have a name with _members behind it, by which they fire after those of the workspace.
('insert_trigger', $template$
create or replace trigger {{trigger}}
  after insert on {{table}}
  referencing new table as new_rows
  for each statement
  execute function {{function}}()
$template$),

('update_trigger', $template$
create or replace trigger {{trigger}}
  after update on {{table}}
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function {{function}}()
$template$),

('delete_trigger', $template$
create or replace trigger {{trigger}}
  after delete on {{table}}
  referencing old table as old_rows
  for each statement
  execute function {{function}}()
$template$),

('truncate_trigger', $template$
create or replace trigger {{trigger}}
  before truncate on {{table}}
  for each statement
  execute function {{function}}()
$template$),

-- The body for insert, update and delete: one amount a workspace and metric, in the order in which counters are locked. An
-- expression may read a column that is called like a variable.
('statement', $template$
#variable_conflict use_column
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
  _refused text;
begin{{one_row}}
  select
    array_agg(total.workspace_id) filter (where total.workspace_id is not null),
    array_agg(total.metric) filter (where total.workspace_id is not null),
    array_agg(total.amount) filter (where total.workspace_id is not null),
    min(total.metric) filter (where total.refused)
  into _workspaces, _metrics, _amounts, _refused
  from (
    select
      changed.workspace_id,
      changed.metric,
      sum(changed.amount)::bigint as amount,
      bool_or(changed.refused) as refused
    from ({{rows}}
    ) as changed
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) <> 0 or bool_or(changed.refused)
    order by changed.workspace_id, changed.metric
  ) as total;
  if _refused is not null then
    raise exception using
      errcode = '23U02',
      message = format('a row of %s without a workspace or with a negative amount cannot be counted as %s', tg_table_name, _refused),
      detail = json_build_object('code', 'invalid-input', 'metric', _refused)::text;
  end if;
  case cardinality(_workspaces)
    when 1 then
      perform usage.add(_workspaces[1], _metrics[1], _amounts[1]);
    else
      if _workspaces is not null then
        perform usage.add_many(_workspaces, _metrics, _amounts);
      end if;
  end case;
  return null;
end
$template$),

-- What an insert tries first where the table has one meter, of a gauge.
('one_row_gauge', $template$
  declare
    _workspace uuid;
    _amount bigint;
  begin
    -- Several rows, rows that do not count and rows to be refused take the way below.
    select changed.workspace_id, changed.amount
    into _workspace, _amount
    from ({{rows}}
    ) as changed
    where changed.amount > 0
      and not changed.refused
      and not exists (
        select
        from new_rows
        offset 1
      );
    if found then
      perform usage.add(_workspace, {{metric}}, _amount);
      return null;
    end if;
  end;
$template$),

-- What an insert tries first where the table has one meter, of a counter: what usage.add does within headroom, without the call.
('one_row_counter', $template$
  declare
    _workspace uuid;
    _amount bigint;
    _start timestamptz;
    _shards smallint;
    _shard smallint;
    _asked_at timestamptz;
  begin
    -- Several rows, rows that do not count and rows to be refused take the way below. Headroom ends with its period at the
    -- latest, so only the latest counter can have any.
    select changed.workspace_id, changed.amount, counter.period_start, counter.shards
    into _workspace, _amount, _start, _shards
    from ({{rows}}
    ) as changed
    left join lateral (
      select latest.period_start, latest.shards
      from usage.counters as latest
      where latest.workspace_id = changed.workspace_id
        and latest.metric = {{metric}}
        and latest.period_start <= now()
      order by latest.period_start desc
      limit 1
    ) as counter on true
    where changed.amount > 0
      and not changed.refused
      and not exists (
        select
        from new_rows
        offset 1
      );
    if found then
      if _shards = 0 then
        _asked_at := clock_timestamp();
        update usage.counters as counter
        set
          used = counter.used + _amount,
          headroom = counter.headroom - _amount,
          updated_at = now()
        where counter.workspace_id = _workspace
          and counter.metric = {{metric}}
          and counter.period_start = _start
          and counter.headroom >= _amount
          and counter.headroom_until > now();
        if found then
          insert into usage.counter_log (workspace_id, metric, period_start, amount)
          values (_workspace, {{metric}}, _start, _amount);
          if clock_timestamp() - _asked_at > interval '1 millisecond' then
            perform usage.note_contention(_workspace, {{metric}}, _start, _asked_at);
          end if;
          return null;
        end if;
      elsif _shards > 0 then
        -- A variable, because within the statement the expression is computed for every row.
        _shard := (pg_backend_pid() % _shards)::smallint;
        -- Skips a locked shard instead of waiting: usage.add_to_shard finds another one.
        update usage.counter_shards as shard
        set
          used = shard.used + _amount,
          headroom = shard.headroom - _amount,
          updated_at = now()
        where shard.ctid = (
          select free.ctid
          from usage.counter_shards as free
          where free.workspace_id = _workspace
            and free.metric = {{metric}}
            and free.period_start = _start
            and free.shard = _shard
            and free.headroom >= _amount
            and free.headroom_until > now()
          for no key update skip locked
        );
        if found then
          insert into usage.counter_log (workspace_id, metric, period_start, amount)
          values (_workspace, {{metric}}, _start, _amount);
          return null;
        end if;
      end if;

      perform usage.add(_workspace, {{metric}}, _amount);
      return null;
    end if;
  end;
$template$),

-- The body for truncate. The table is read under its present name, which a rename changes.
('truncate', $template$
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
begin
  -- An older snapshot may miss rows that the truncate removes.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '23U02',
      message = format('%s is metered: truncate it in a read committed transaction', tg_table_name);
  end if;
  execute replace({{total}}, {{mark}}, tg_relid::regclass::text)
  into _workspaces, _metrics, _amounts;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.add(_workspaces[_n], _metrics[_n], _amounts[_n]);
  end loop;
  return null;
end
$template$),

-- The body for insert, update and delete that counts members. It runs after the workspace's counter is locked, for which a
-- change of what is counted waits.
('member_statement', $template$
#variable_conflict use_column
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  if not exists (
      select
      from billing.member_limits as member_limit
      where member_limit.metric = any ({{metrics}})
    )
    and not exists (
      select
      from usage.member_meters as member_meter
      where member_meter.metric = any ({{metrics}})
    )
  then
    return null;
  end if;{{lock_moves}}
  select total.workspaces, total.metrics, total.members, total.amounts
  into _workspaces, _metrics, _members, _amounts
  from ({{total}}) as total;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$template$),

-- What an update of a gauge does before it counts members: a move between members leaves the workspace's counter as it is,
-- so that nothing has locked it yet.
('lock_moves', $template$
  perform usage.lock_counter(moved.workspace_id, moved.metric, '-infinity')
  from (
    select changed.workspace_id, changed.metric
    from ({{rows}}
    ) as changed
    where changed.workspace_id is not null
      and not exists (
        select
        from usage.member_meters as member_meter
        where member_meter.workspace_id = changed.workspace_id
          and member_meter.metric = changed.metric
      )
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) = 0
    order by changed.workspace_id, changed.metric
  ) as moved;$template$),

-- The body for truncate that counts members.
('member_truncate', $template$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  execute replace({{total}}, {{mark}}, tg_relid::regclass::text)
  into _workspaces, _metrics, _members, _amounts;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$template$),

-- The totals of a whole table.
('total', $template$
  select
    array_agg(total.workspace_id) as workspaces,
    array_agg(total.metric) as metrics,
    array_agg(total.amount) as amounts
  from (
    select changed.workspace_id, changed.metric, sum(changed.amount)::bigint as amount
    from ({{rows}}
    ) as changed
    where changed.workspace_id is not null
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) <> 0
    order by changed.workspace_id, changed.metric
  ) as total
$template$),

('member_total', $template$
    select
      array_agg(total.workspace_id) as workspaces,
      array_agg(total.metric) as metrics,
      array_agg(total.member_id) as members,
      array_agg(total.amount) as amounts
    from (
      select changed.workspace_id, changed.metric, changed.member_id, sum(changed.amount)::bigint as amount
      from ({{rows}}
      ) as changed
      where changed.workspace_id is not null
        and changed.member_id is not null
      group by changed.workspace_id, changed.metric, changed.member_id
      having sum(changed.amount) <> 0
      order by changed.workspace_id, changed.metric, changed.member_id
    ) as total
  $template$),

-- What the rows of one meter add up from; several are joined by union all. An expression may end in a comment, so a line
-- ends behind each.
('rows', $template$
      select
        ({{workspace}}
        ) as workspace_id,
        {{metric}}::text as metric,
        {{sign}} * ({{amount}}
        )::bigint as amount,
        {{refused}} as refused
      from {{source}} as {{alias}}
      where ({{live}}
      )$template$),

('refused', $template$({{workspace}}
        ) is null or ({{amount}}
        )::bigint < 0$template$),

('member_rows', $template$
      select
        ({{workspace}}
        ) as workspace_id,
        {{metric}}::text as metric,
        ({{member}}
        ) as member_id,
        {{sign}} * ({{amount}}
        )::bigint as amount
      from {{source}} as {{alias}}
      where ({{live}}
      )$template$),

-- Whether rows that exist could not be counted.
('any_refused', $template$
  select bool_or(changed.refused)
  from ({{rows}}
  ) as changed
$template$),

-- Proves that a text is one expression. Only an immutable expression on the row itself is the same when the row is deleted or
-- recounted as when it was inserted: an index on an empty copy demands just that. Generated columns stay generated in the copy,
-- because a virtual one has no value in a transition table and the index refuses it.
('probe', $template$
create temporary table {{relation}} (like {{table}} including generated);

create index usage_meter_probe on pg_temp.{{relation}} (({{expression}}
));
$template$),

-- A text that closes the parentheses of the index and opens them again does not fit between one pair.
('probe_parentheses', $template$
select ({{expression}}
) from pg_temp.{{relation}} where false
$template$),

-- What an update adds to a counter, row by row: what is more, and all of a row that comes from another workspace. The rows of
-- the two transition tables stand in the same order.
('raised_rows', $template$
      select
        present.workspace_id,
        {{metric}}::text as metric,
        case
          when present.workspace_id is distinct from former.workspace_id then present.amount
          else greatest(present.amount - former.amount, 0)
        end as amount,
        present.amount < 0 or (present.workspace_id is null and present.amount > 0) as refused
      from (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from new_rows as {{alias}}
      ) as present
      join (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from old_rows as {{alias}}
      ) as former
        on former.position = present.position
      where present.amount <> 0$template$),

-- What moves between members counts for the one that it comes to.
('raised_member_rows', $template$
      select
        present.workspace_id,
        {{metric}}::text as metric,
        present.member_id,
        case
          when (present.workspace_id, present.member_id) is distinct from (former.workspace_id, former.member_id)
          then present.amount
          else greatest(present.amount - former.amount, 0)
        end as amount
      from (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          ({{member}}
          ) as member_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from new_rows as {{alias}}
      ) as present
      join (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          ({{member}}
          ) as member_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from old_rows as {{alias}}
      ) as former
        on former.position = present.position
      where present.amount <> 0$template$),

-- The trigger function that keeps the column of usage.add_workspace_column.
('workspace_column', $template$
begin
  -- The lock waits for a move of the parent that is not committed, and makes a later move wait for this row.
  select parent.{{parent_workspace}}
  into new.{{column}}
  from {{parent}} as parent
  where parent.{{parent_key}} {{equals}} new.{{foreign_key}}
  for key share;
  if new.{{column}} is null then
    raise exception using
      errcode = '23U02',
      message = format({{message}}, coalesce(quote_literal(new.{{foreign_key}}), 'null')),
      detail = json_build_object('code', 'invalid-input')::text,
      schema = tg_table_schema,
      table = tg_table_name,
      column = {{column_name}};
  end if;
  return new;
end
$template$),

('workspace_insert_trigger', $template$
create or replace trigger usage_workspace_insert
  before insert on {{table}}
  for each row
  execute function {{function}}()
$template$),

('workspace_update_trigger', $template$
create or replace trigger usage_workspace_update
  before update on {{table}}
  for each row
  when ((old.{{foreign_key}} {{same_key}} new.{{foreign_key}} and old.{{column}} = new.{{column}}) is not true)
  execute function {{function}}()
$template$),

-- Carries a move of the parent to its rows, and refuses a row whose workspace is not that of its parent.
('workspace_foreign_key', $template$
alter table {{table}}
  add constraint usage_workspace_fkey
  foreign key ({{foreign_key}}, {{column}})
  references {{parent}} ({{parent_key}}, {{parent_workspace}})
  on update cascade
  on delete {{on_delete}}
  {{checked}}
$template$),

-- Fills the column for the rows that exist.
('workspace_fill', $template$
update {{table}} as child
set {{column}} = parent.{{parent_workspace}}
from {{parent}} as parent
where parent.{{parent_key}} {{equals}} child.{{foreign_key}}
$template$)

  ) as part (name, template)
  where part.name = p_part
$function$;

comment on function usage.meter_template(text) is 'Everything that usage.attach_meter and usage.add_workspace_column generate for a table, part by part; null for an unknown part. usage.fill_meter_template puts values in the place of {{name}}. After a change of this file run usage.rebuild_meters().';

revoke execute on function usage.meter_template(text) from public;
