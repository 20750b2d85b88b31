-- The triggers and their functions exist only through the meters.
do $$
declare
  _table regclass;
begin
  for _table in
    delete from usage.meters
    returning relation
  loop
    if exists (select from pg_class c where c.oid = _table) then
      perform usage.rebuild_meters(_table);
    end if;
  end loop;
end
$$;

drop function usage.detach_meter(regclass, text);
drop function usage.attach_meter(regclass, text, text, text, text);
drop function usage.meter_expression_type(regclass, text, text);
drop function usage.rebuild_meters(regclass);
drop function usage.create_meter_trigger(regclass, text, text, text, text, text);
drop function usage.meter_total(text);
drop function usage.meter_body(text);
drop function usage.meter_raise_branch(usage.meters);
drop function usage.meter_branch(usage.meters, text, integer);
drop table usage.meters;
