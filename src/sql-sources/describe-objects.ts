import type { Transaction } from "../core/index.ts";
import {
  type CatalogObject,
  type Description,
  type Grant,
  type ObjectKey,
  routineKey,
  triggerKey,
  viewKey,
} from "./catalog-object.ts";
import { projectSchemas } from "./project-schemas.ts";
import { trial } from "./trial.ts";

export interface DescribeSettings {
  /** Schemas that are not the project's. */
  readonly foreignSchemas: readonly string[];
  readonly generated?: GeneratedRoutines;
}

/** Routines that the database makes itself, as of a template: no source holds them or the triggers that call them. */
export interface GeneratedRoutines {
  /** Query of one column `oid`: the functions that are there. */
  readonly query: string;
  /** Statement that makes all of them anew. */
  readonly rebuild: string;
}

/** A row of the queries below; `key` is what follows the class in the object's key. */
type Found = Omit<CatalogObject, "isGenerated"> & {
  readonly key: readonly string[];
  readonly routine: string;
};

const grantsOf = (acl: string, suffix = "''"): string => `
  select
    lower(g.privilege_type) || ${suffix} as privilege,
    case g.grantee
      when 0 then 'public'
      when o.owner then 'current_user'
      else quote_ident(pg_get_userbyid(g.grantee))
    end as grantee,
    g.is_grantable as "isGrantable"
  from pg_catalog.aclexplode(${acl}) g`;

const grantList = (...queries: readonly string[]): string => `
  coalesce(
    (select jsonb_agg(to_jsonb(g) order by g.grantee, g.privilege) from (${queries.join(" union all ")}) g),
    '[]'
  )`;

const isOfExtension = (catalog: string): string => `
  exists (
    select
    from pg_catalog.pg_depend d
    where d.classid = '${catalog}'::regclass and d.objid = o.oid and d.deptype = 'e'
  )`;

const routinesQuery = `
select
  'routine' as class,
  o.oid::text,
  o.oid::text as routine,
  array[o.schema, o.name] || o.types as key,
  case o.prokind when 'p' then 'procedure ' else 'function ' end
    || format('%I.%I(%s)', o.schema, o.name, array_to_string(o.types, ', ')) as label,
  o.schema,
  o.name,
  rtrim(pg_get_functiondef(o.oid), E'\\n') as definition,
  obj_description(o.oid, 'pg_proc') as comment,
  '[]'::jsonb as "columnComments",
  ${grantList(grantsOf("coalesce(o.acl, acldefault('f', o.owner))"))} as grants,
  ${grantList(grantsOf("acldefault('f', o.owner)"))} as "defaultGrants"
from (
  select
    p.oid,
    p.prokind,
    p.proowner as owner,
    p.proacl as acl,
    n.nspname::text as schema,
    p.proname::text as name,
    array(
      select format_type(a.type, null)
      from unnest(p.proargtypes) with ordinality as a (type, position)
      order by a.position
    ) as types
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n
    on n.oid = p.pronamespace
  where n.nspname = any ($1) and p.prokind in ('f', 'p', 'w')
) o
where not ${isOfExtension("pg_proc")}
order by o.schema, o.name, o.types
`;

const viewsQuery = `
select
  'view' as class,
  o.oid::text,
  null as routine,
  array[o.schema, o.name] as key,
  format('view %I.%I', o.schema, o.name) as label,
  o.schema,
  o.name,
  concat(
    format('CREATE OR REPLACE VIEW %I.%I', o.schema, o.name),
    ' WITH (' || array_to_string(o.options, ', ') || ')',
    E' AS\\n' || rtrim(pg_get_viewdef(o.oid), ';')
  ) as definition,
  obj_description(o.oid, 'pg_class') as comment,
  coalesce(
    (
      select jsonb_agg(jsonb_build_object('column', quote_ident(a.attname), 'comment', d.description) order by a.attnum)
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_description d
        on d.classoid = 'pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
      where a.attrelid = o.oid
    ),
    '[]'
  ) as "columnComments",
  ${grantList(
    grantsOf("coalesce(o.acl, acldefault('r', o.owner))"),
    `
    select c.privilege, c.grantee, c."isGrantable"
    from pg_catalog.pg_attribute a
    cross join lateral (${grantsOf("a.attacl", "' (' || quote_ident(a.attname) || ')'")}) c
    where a.attrelid = o.oid and a.attacl is not null`,
  )} as grants,
  ${grantList(grantsOf("acldefault('r', o.owner)"))} as "defaultGrants"
from (
  select
    c.oid,
    c.relowner as owner,
    c.relacl as acl,
    c.reloptions as options,
    n.nspname::text as schema,
    c.relname::text as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n
    on n.oid = c.relnamespace
  where n.nspname = any ($1) and c.relkind = 'v'
) o
where not ${isOfExtension("pg_class")}
order by o.schema, o.name
`;

// A constraint trigger cannot be replaced, so it belongs to a migration like the table's other constraints.
const triggersQuery = `
select
  'trigger' as class,
  t.oid::text,
  t.tgfoid::text as routine,
  array[n.nspname::text, c.relname::text, t.tgname::text] as key,
  format('trigger %I on %I.%I', t.tgname, n.nspname, c.relname) as label,
  f.nspname::text as schema,
  p.proname::text as name,
  regexp_replace(pg_get_triggerdef(t.oid), '^CREATE ', 'CREATE OR REPLACE ') as definition,
  obj_description(t.oid, 'pg_trigger') as comment,
  '[]'::jsonb as "columnComments",
  '[]'::jsonb as grants,
  '[]'::jsonb as "defaultGrants"
from pg_catalog.pg_trigger t
join pg_catalog.pg_class c
  on c.oid = t.tgrelid
join pg_catalog.pg_namespace n
  on n.oid = c.relnamespace
join pg_catalog.pg_proc p
  on p.oid = t.tgfoid
join pg_catalog.pg_namespace f
  on f.oid = p.pronamespace
where
  n.nspname = any ($1)
  and f.nspname <> all ($2)
  and not t.tgisinternal
  and t.tgparentid = 0
  and t.tgconstraint = 0
order by n.nspname, c.relname, t.tgname
`;

const keyOf = ({ class: kind, key }: Found): ObjectKey => {
  const [schema = "", name = "", ...rest] = key;
  if (kind === "routine") return routineKey(schema, name, rest);
  return kind === "view" ? viewKey(schema, name) : triggerKey(schema, name, rest[0] ?? "");
};

const sorted = (grants: readonly Grant[]): readonly Grant[] =>
  [...grants].sort((left, right) =>
    `${left.grantee} ${left.privilege}` < `${right.grantee} ${right.privilege}` ? -1 : 1,
  );

const readGenerated = async (
  tx: Transaction,
  generated: GeneratedRoutines | undefined,
): Promise<ReadonlySet<string>> => {
  if (generated === undefined) return new Set();
  const rows = await tx.query<{ readonly oid: string }>(`select g.oid::text from (${generated.query}) g`);
  return new Set(rows.map(({ oid }) => oid));
};

/** In a fixed order: every routine, view and trigger of the project's schemas, from the catalog. */
export const describeObjects = (
  tx: Transaction,
  { foreignSchemas, generated }: DescribeSettings,
): Promise<Description> =>
  trial(tx, async () => {
    const made = await readGenerated(tx, generated);
    const schemas = await projectSchemas(tx, foreignSchemas);
    // Definitions must not depend on the session's search path.
    await tx.script("set local search_path = ''");
    const found = [
      ...(await tx.query<Found>(routinesQuery, [schemas])),
      ...(await tx.query<Found>(viewsQuery, [schemas])),
      ...(await tx.query<Found>(triggersQuery, [schemas, foreignSchemas])),
    ];
    return new Map(
      found.map((row) => {
        const { key: _key, routine, ...object } = row;
        const isGenerated = routine !== null && made.has(routine);
        return [keyOf(row), { ...object, grants: sorted(object.grants), isGenerated }];
      }),
    );
  });
