drop function usage.draw_lease(jsonb);

do $do$
declare
  definition text := pg_get_functiondef('usage.gate_many(jsonb)'::regprocedure);
  old_text constant text := $from$      and asked.op in ('commit', 'release')
      and reservations.lease_holder is null
    left join usage.metrics$from$;
  new_text constant text := $to$      and asked.op in ('commit', 'release')
    left join usage.metrics$to$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.gate_many does not hold %', old_text;
  end if;
  execute replace(definition, old_text, new_text);
end
$do$;

alter table usage.reservations
  drop column lease_holder;

alter table usage.metrics
  drop constraint metrics_leased_counter,
  drop column leased;
