import type { Queryable } from "../../src/core/index.ts";

/**
 * A clock for one test database: what PostgreSQL runs of ours asks `travel.now()` in place of `now()`, so that a test can stand
 * a millisecond before the end of a leap day. As with the real one, a transaction keeps the time at which it began.
 */
const install = `
create schema travel;
grant usage on schema travel to public;

create table travel.clock (at timestamptz not null);

create function travel.clock_timestamp()
returns timestamptz
language plpgsql
volatile
security definer
as $$
begin
  return (select c.at from travel.clock c);
end
$$;

create function travel.now()
returns timestamptz
language plpgsql
stable
security definer
as $$
declare
  _kept text := current_setting('travel.now', true);
begin
  if coalesce(_kept, '') = '' then
    _kept := travel.clock_timestamp()::text;
    perform set_config('travel.now', _kept, true);
  end if;
  return _kept::timestamptz;
end
$$;

do $install$
declare
  _each record;
  _text text;
begin
  for _each in
    select p.oid
    from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'billing'::regnamespace, 'usage'::regnamespace)
      and p.prokind = 'f'
      and pg_get_functiondef(p.oid) ~ '\\m(now|clock_timestamp)\\(\\)'
  loop
    execute regexp_replace(pg_get_functiondef(_each.oid), '\\m(now|clock_timestamp)\\(\\)', 'travel.\\1()', 'g');
  end loop;
  for _each in
    select d.adrelid::regclass as relation, a.attname as name, pg_get_expr(d.adbin, d.adrelid) as expression
    from pg_attrdef d
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_class c on c.oid = d.adrelid
    where c.relnamespace in ('public'::regnamespace, 'billing'::regnamespace, 'usage'::regnamespace)
      and pg_get_expr(d.adbin, d.adrelid) ~ '\\m(now|clock_timestamp)\\(\\)'
  loop
    execute format(
      'alter table %s alter column %I set default %s',
      _each.relation, _each.name,
      regexp_replace(_each.expression, '\\m(now|clock_timestamp)\\(\\)', 'travel.\\1()', 'g')
    );
  end loop;
  for _each in
    select c.oid::regclass as relation, pg_get_viewdef(c.oid) as text
    from pg_class c
    where c.relkind = 'v'
      and c.relnamespace in ('public'::regnamespace, 'billing'::regnamespace, 'usage'::regnamespace)
      and pg_get_viewdef(c.oid) ~ '\\m(now|clock_timestamp)\\(\\)'
  loop
    execute format(
      'create or replace view %s as %s',
      _each.relation,
      regexp_replace(_each.text, '\\m(now|clock_timestamp)\\(\\)', 'travel.\\1()', 'g')
    );
  end loop;
end
$install$;
`;

export interface TestClock {
  /** Moves on; transactions that have begun keep their time. */
  set(at: string): Promise<void>;
}

/** Call it before anything of the database is used: sessions keep what they have planned. */
export const installClock = async (db: Queryable, at: string): Promise<TestClock> => {
  await db.query(install);
  await db.query("insert into travel.clock (at) values ($1)", [at]);
  return {
    set: async (moment) => {
      await db.query("update travel.clock set at = $1", [moment]);
    },
  };
};
