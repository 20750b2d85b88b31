import { AppError, type Transaction } from "../core/index.ts";
import type { CatalogObject, Description, ObjectKey } from "./catalog-object.ts";
import { components } from "./strong-components.ts";

interface Dependence {
  /** Class and oid of what is depended on, and of what depends; null for the latter when it is none of the described. */
  readonly on: string;
  readonly by: string | null;
  /** As Postgres names what depends. */
  readonly description: string;
}

/**
 * What depends on the routines and views given, views by their row type and its array included. A rule is its view, a column
 * of a view the view.
 */
const dependenceQuery = `
with referred as (
  select 'pg_proc'::regclass as class, r.oid, 'routine ' || r.oid as node
  from unnest($1::oid[]) r (oid)
  union all
  select 'pg_class'::regclass, v.oid, 'view ' || v.oid
  from unnest($2::oid[]) v (oid)
  union all
  select 'pg_type'::regclass, t.oid, 'view ' || v.oid
  from unnest($2::oid[]) v (oid)
  join pg_catalog.pg_type row_type
    on row_type.typrelid = v.oid
  join pg_catalog.pg_type t
    on t.oid in (row_type.oid, row_type.typarray)
)
select distinct
  f.node as on,
  case d.classid
    when 'pg_proc'::regclass then 'routine ' || d.objid
    when 'pg_trigger'::regclass then 'trigger ' || d.objid
    when 'pg_rewrite'::regclass then (
      select 'view ' || w.ev_class
      from pg_catalog.pg_rewrite w
      where w.oid = d.objid and w.rulename = '_RETURN'
    )
    when 'pg_class'::regclass then (
      select 'view ' || c.oid
      from pg_catalog.pg_class c
      where c.oid = d.objid and c.relkind = 'v'
    )
  end as by,
  pg_describe_object(d.classid, d.objid, d.objsubid) as description
from referred f
join pg_catalog.pg_depend d
  on d.refclassid = f.class and d.refobjid = f.oid and d.deptype in ('n', 'a')
order by 1, 2, 3
`;

const nodeOf = ({ class: kind, oid }: CatalogObject): string => `${kind} ${oid}`;

const oidsOf = (description: Description, kind: CatalogObject["class"]): readonly string[] =>
  [...description.values()].filter((object) => object.class === kind).map(({ oid }) => oid);

const refuse = (object: CatalogObject, description: string): AppError =>
  new AppError({
    kind: "conflict",
    code: "cannot-drop",
    message: `${object.label} must be dropped to be changed, but ${description} depends on it: change that in a migration of its own first`,
  });

/**
 * The objects to drop with `seeds`, in an order in which each can be dropped: dependants first. Throws `cannot-drop` when
 * something else than a routine, view or trigger of the description depends on one.
 */
export const dropOrder = async (
  tx: Transaction,
  description: Description,
  seeds: ReadonlySet<ObjectKey>,
): Promise<readonly ObjectKey[]> => {
  if (seeds.size === 0) return [];
  const keys = new Map([...description].map(([key, object]) => [nodeOf(object), key]));
  const rows = await tx.query<Dependence>(dependenceQuery, [
    oidsOf(description, "routine"),
    oidsOf(description, "view"),
  ]);
  const dependants = (key: ObjectKey): readonly ObjectKey[] => {
    const object = description.get(key);
    if (object === undefined) return [];
    return rows
      .filter(({ on }) => on === nodeOf(object))
      .map(({ by, description: text }) => {
        const dependant = by === null ? undefined : keys.get(by);
        if (dependant === undefined) throw refuse(object, text);
        return dependant;
      })
      .filter((dependant) => dependant !== key)
      .sort();
  };
  // Each component stands behind what it points to, so dependants come out first.
  return components([...seeds], dependants).flat();
};
