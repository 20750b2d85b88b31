do $do$
declare
  definition text := pg_get_functiondef('usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)'::regprocedure);
  old_text constant text := $from$    'source', p_counter.source,
    'limitedBy', usage.gate_limited_by(p_line, p_counter),
$from$;
  new_text constant text := $to$    'source', p_counter.source,
$to$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.gate_answer does not hold %', old_text;
  end if;
  execute replace(definition, old_text, new_text);
end
$do$;

drop function usage.gate_limited_by(usage.gate_line, usage.gate_counter);
