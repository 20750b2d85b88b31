create or replace function usage.meter_body(p_branches text, p_declarations text, p_first text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
  _refused text;$head$ || p_declarations || $head$
begin
$head$ || p_first || $head$  select
    array_agg(t.workspace_id) filter (where t.workspace_id is not null),
    array_agg(t.metric) filter (where t.workspace_id is not null),
    array_agg(t.amount) filter (where t.workspace_id is not null),
    min(t.metric) filter (where t.refused)
  into _workspaces, _metrics, _amounts, _refused
  from (
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
  ) t;
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
$tail$
$$;

comment on function usage.meter_body(text, text, text) is 'What a statement trigger does: one total a workspace and metric, in the order in which all locks on counters are taken. Declarations and a first part may go before it';
