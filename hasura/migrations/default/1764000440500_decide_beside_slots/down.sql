do $do$
declare
  change record;
  definition text;
begin
  for change in
    select *
    from (
      values
        (
          1,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$perform usage.take(v_counter.$from$,
          $to$perform usage.add(v_counter.$to$
        ),
        (
          2,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$    left join usage.counter_totals as counters
$from$,
          $to$    left join usage.counters
$to$
        ),
        (
          3,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$applying.cap_value - coalesce(counters.used, 0) - held.amount
        - case when v_wanted.is_locked then coalesce(counters.spare, 0) else 0 end,$from$,
          $to$applying.cap_value - coalesce(counters.used, 0) - held.amount,$to$
        ),
        (
          4,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
      perform usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked);
$from$,
          $to$      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
$to$
        ),
        (
          5,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$      bool_or(line.op in ('reserve', 'extend')) as is_written,
      least(coalesce(sum(line.amount::numeric) filter (where line.op in ('consume', 'reserve')), 0), 9000000000000000000)::bigint as asked
$from$,
          $to$      bool_or(line.op in ('reserve', 'extend')) as is_written
$to$
        )
    ) as changes (n, function_name, old_text, new_text)
    order by n
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;
end
$do$;

drop function usage.gate_room(uuid, text, bigint);
