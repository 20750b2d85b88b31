create or replace function usage.meter_body(p_branches text)
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

do $do$
declare
  metered regclass;
begin
  for metered in
    select distinct m.relation
    from usage.meters m
    join pg_class c on c.oid = m.relation
  loop
    perform usage.rebuild_meters(metered);
  end loop;
end
$do$;

drop function usage.add_many(uuid[], text[], bigint[]);
drop function usage.lock_many(uuid[], text[], bigint[]);
drop function usage.take_many(uuid[], text[], bigint[]);
