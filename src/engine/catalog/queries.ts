const ownSchemas = (column: string): string =>
  `${column} not in ('pg_catalog', 'information_schema', 'hdb_catalog') and ${column} !~ '^pg_(toast|temp)'`;

/** Domains count as the type they are built on, as Hasura has it. */
export const relationsQuery = `
select
  n.nspname as schema,
  c.relname as name,
  case c.relkind
    when 'v' then 'view'
    when 'm' then 'materialized'
    else 'table'
  end as kind,
  obj_description(c.oid, 'pg_class') as comment,
  case when c.relkind = 'v' then pg_relation_is_updatable(c.oid, true) else 0 end as writable,
  coalesce(a.columns, '[]'::json) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join lateral (
  select json_agg(
    json_build_object(
      'name', a.attname,
      'type', coalesce(b.typname, t.typname),
      'typeSchema', coalesce(bn.nspname, tn.nspname),
      'sqlType', format_type(coalesce(b.oid, t.oid), case when b.oid is null then a.atttypmod else t.typtypmod end),
      'isEnumType', coalesce(b.typtype, t.typtype) = 'e',
      'position', a.attnum,
      'nullable', not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)),
      'hasDefault', a.atthasdef or a.attidentity <> '' or (t.typtype = 'd' and t.typdefault is not null),
      'isGenerated', a.attgenerated <> '' or a.attidentity = 'a',
      'comment', col_description(a.attrelid, a.attnum)
    )
    order by a.attnum
  ) as columns
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  join pg_namespace tn on tn.oid = t.typnamespace
  left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
  left join pg_namespace bn on bn.oid = b.typnamespace
  where a.attrelid = c.oid
    and a.attnum > 0
    and not a.attisdropped
) a on true
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and ${ownSchemas("n.nspname")}
order by n.nspname, c.relname`;

const columnNames = (relation: string, numbers: string): string => `(
    select json_agg(a.attname order by k.ordinality)
    from unnest(${numbers}) with ordinality k(attnum, ordinality)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.attnum
  )`;

export const constraintsQuery = `
select
  n.nspname as schema,
  c.relname as "table",
  o.conname as name,
  o.contype as kind,
  ${columnNames("o.conrelid", "o.conkey")} as columns,
  case when f.oid is not null then json_build_object('schema', fn.nspname, 'name', f.relname) end as target,
  case when f.oid is not null then ${columnNames("o.confrelid", "o.confkey")} end as "targetColumns"
from pg_constraint o
join pg_class c on c.oid = o.conrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_class f on f.oid = o.confrelid
left join pg_namespace fn on fn.oid = f.relnamespace
where o.contype in ('p', 'u', 'f')
  and ${ownSchemas("n.nspname")}
order by n.nspname, c.relname, o.conname`;

/** Trigger functions and functions of extensions are left out: they can never be fields. */
export const functionsQuery = `
select distinct on (n.nspname, p.proname)
  n.nspname as schema,
  p.proname as name,
  case p.provolatile
    when 'i' then 'immutable'
    when 's' then 'stable'
    else 'volatile'
  end as volatility,
  p.proretset as "returnsSet",
  coalesce(rb.typname, rt.typname) as "returnType",
  coalesce(rbn.nspname, rtn.nspname) as "returnTypeSchema",
  case when rc.oid is not null then json_build_object('schema', rn.nspname, 'name', rc.relname) end as "returnTable",
  coalesce(a.args, '[]'::json) as args,
  obj_description(p.oid, 'pg_proc') as comment,
  count(*) over (partition by n.nspname, p.proname) > 1 as overloaded
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type rt on rt.oid = p.prorettype
join pg_namespace rtn on rtn.oid = rt.typnamespace
left join pg_type rb on rt.typtype = 'd' and rb.oid = rt.typbasetype
left join pg_namespace rbn on rbn.oid = rb.typnamespace
left join pg_class rc on rc.oid = rt.typrelid and rc.relkind in ('r', 'p', 'v', 'm', 'f')
left join pg_namespace rn on rn.oid = rc.relnamespace
left join lateral (
  select json_agg(
    json_build_object(
      'name', nullif(p.proargnames[case when p.proallargtypes is null then k.ordinality else k.position end], ''),
      'type', coalesce(b.typname, t.typname),
      'typeSchema', coalesce(bn.nspname, tn.nspname),
      'sqlType', format_type(k.typeoid, null),
      'isRow', t.typtype = 'c',
      'hasDefault', k.ordinality > p.pronargs - p.pronargdefaults
    )
    order by k.ordinality
  ) as args
  from (
    select
      i.typeoid,
      i.ordinality,
      (
        select m.position
        from (
          select
            u.position,
            row_number() over (order by u.position) as input_position
          from unnest(p.proargmodes) with ordinality u(mode, position)
          where u.mode in ('i', 'b', 'v')
        ) m
        where m.input_position = i.ordinality
      ) as position
    from unnest(p.proargtypes::oid[]) with ordinality i(typeoid, ordinality)
  ) k
  join pg_type t on t.oid = k.typeoid
  join pg_namespace tn on tn.oid = t.typnamespace
  left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
  left join pg_namespace bn on bn.oid = b.typnamespace
) a on true
where p.prokind = 'f'
  and rt.typname <> 'trigger'
  and ${ownSchemas("n.nspname")}
  and not exists (
    select
    from pg_depend d
    where d.classid = 'pg_proc'::regclass
      and d.objid = p.oid
      and d.deptype = 'e'
  )
order by n.nspname, p.proname, p.oid`;

export interface EnumQueryNames {
  /** All three quoted. */
  readonly table: string;
  readonly value: string;
  readonly comment: string | null;
}

export const enumValuesQuery = (names: EnumQueryNames): string => `
select
  ${names.value}::text as value,
  ${names.comment === null ? "null::text" : `${names.comment}::text`} as comment
from ${names.table}
order by 1`;
