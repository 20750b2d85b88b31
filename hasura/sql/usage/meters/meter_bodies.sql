create or replace function usage.meter_bodies(p_table regclass)
returns table (
  event text,
  suffix text,
  body text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with read_rows (event, kind, source, sign, part) as (
    values
      ('insert', 'gauge', 'new_rows', 1, 'rows'),
      ('insert', 'counter', 'new_rows', 1, 'rows'),
      ('update', 'gauge', 'new_rows', 1, 'rows'),
      ('update', 'gauge', 'old_rows', -1, 'rows'),
      ('update', 'counter', '', 1, 'raised_rows'),
      ('delete', 'gauge', 'old_rows', -1, 'rows'),
      ('truncate', 'gauge', '{{table}}', -1, 'rows')
  ),
  counted as (
    select
      read_rows.event,
      string_agg(
        usage.meter_branch(meter, read_rows.source, read_rows.sign, read_rows.part),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) as rows,
      -- The short way of an insert is for one row of one meter.
      case when read_rows.event = 'insert' and count(*) = 1 then 'one_row_' || min(metric.kind) end as one_row,
      min(quote_literal(meter.metric)) as metric
    from read_rows
    join usage.metrics as metric
      on metric.kind = read_rows.kind
    join usage.meters as meter
      on meter.metric = metric.key
    where meter.relation = p_table
    group by read_rows.event
  ),
  counted_for_members as (
    select
      read_rows.event,
      string_agg(
        usage.meter_branch(
          meter, read_rows.source, read_rows.sign,
          case read_rows.part when 'rows' then 'member_rows' else 'raised_member_rows' end
        ),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) as rows,
      string_agg(
        usage.meter_branch(meter, read_rows.source, read_rows.sign, 'member_rows'),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) filter (where read_rows.event = 'update' and metric.kind = 'gauge') as moves,
      quote_literal(
        (
          select array_agg(watched.metric order by watched.metric)
          from usage.meters as watched
          where watched.relation = p_table
            and watched.member_expression is not null
        )
      ) as metrics
    from read_rows
    join usage.metrics as metric
      on metric.kind = read_rows.kind
    join usage.meters as meter
      on meter.metric = metric.key
    where meter.relation = p_table
      and meter.member_expression is not null
    group by read_rows.event
  )
  select
    counted.event,
    '',
    usage.fill_meter_template(
      case counted.event when 'truncate' then 'truncate' else 'statement' end,
      jsonb_build_object(
        'rows', counted.rows,
        'one_row', case
          when counted.one_row is null then ''
          else usage.fill_meter_template(
            counted.one_row, jsonb_build_object('rows', counted.rows, 'metric', counted.metric)
          )
        end,
        'total', quote_literal(usage.fill_meter_template('total', jsonb_build_object('rows', counted.rows))),
        'mark', quote_literal('{{table}}')
      )
    )
  from counted
  union all
  select
    counted.event,
    '_members',
    usage.fill_meter_template(
      case counted.event when 'truncate' then 'member_truncate' else 'member_statement' end,
      jsonb_build_object(
        'metrics', counted.metrics,
        'lock_moves', case
          when counted.moves is null then ''
          else usage.fill_meter_template('lock_moves', jsonb_build_object('rows', counted.moves))
        end,
        'total', case counted.event when 'truncate' then quote_literal(total.query) else total.query end,
        'mark', quote_literal('{{table}}')
      )
    )
  from counted_for_members as counted
  cross join lateral usage.fill_meter_template('member_total', jsonb_build_object('rows', counted.rows)) as total (query)
$$;

comment on function usage.meter_bodies(regclass) is 'What the trigger functions of a metered table do: one row for each event and suffix, where "" counts for workspaces and "_members" for members.';

revoke execute on function usage.meter_bodies(regclass) from public;
