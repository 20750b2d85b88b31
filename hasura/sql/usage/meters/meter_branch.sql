create or replace function usage.meter_branch(
  p_meter usage.meters,
  p_source text,
  p_sign integer,
  p_part text default 'rows'
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb := jsonb_build_object(
    'workspace', p_meter.workspace_expression,
    'metric', quote_literal(p_meter.metric),
    'member', p_meter.member_expression,
    'amount', p_meter.amount_expression,
    'live', coalesce(p_meter.live_filter, 'true'),
    'sign', p_sign,
    'source', p_source,
    -- An expression may name the table, as it was called when the meter was attached.
    'alias', quote_ident((parse_ident(p_meter.table_name))[2])
  );
begin
  _values := _values || jsonb_build_object(
    'refused', case when p_sign < 0 then 'false' else usage.fill_meter_template('refused', _values) end
  );
  return usage.fill_meter_template(p_part, _values);
end
$$;

comment on function usage.meter_branch(usage.meters, text, integer, text) is 'SQL of the rows that a meter reads from a source: workspace_id, metric, amount times the sign, refused. Parts other than rows are member_rows, raised_rows and raised_member_rows of usage.meter_template.';

revoke execute on function usage.meter_branch(usage.meters, text, integer, text) from public;
