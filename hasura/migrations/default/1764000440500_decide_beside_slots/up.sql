-- What slots of a hot counter may still use is taken for the gate, which decides under the counter's lock alone.
create function usage.gate_room(p_workspace_id uuid, p_metric text, p_amount bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
begin
  select c.period_start
  into _start
  from usage.counters c
  join usage.metrics m on m.key = c.metric
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.granted > 0
    and c.period_start = (
      select p.period_start
      from usage.period(p_workspace_id) p
    );
  if found then
    perform usage.make_room(p_workspace_id, p_metric, _start, coalesce(p_amount, 0));
  end if;
end
$$;

comment on function usage.gate_room(uuid, text, bigint) is 'Brings back what slots have not used as far as an array of requests may need it, under the counter''s lock.';

revoke execute on function usage.gate_room(uuid, text, bigint) from public;

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
          'usage.gate_open_counters(usage.gate_line[])',
          $from$      bool_or(line.op in ('reserve', 'extend')) as is_written
$from$,
          $to$      bool_or(line.op in ('reserve', 'extend')) as is_written,
      least(coalesce(sum(line.amount::numeric) filter (where line.op in ('consume', 'reserve')), 0), 9000000000000000000)::bigint as asked
$to$
        ),
        (
          2,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
$from$,
          $to$      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
      perform usage.gate_room(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked);
$to$
        ),
        (
          3,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$applying.cap_value - coalesce(counters.used, 0) - held.amount,$from$,
          $to$applying.cap_value - coalesce(counters.used, 0) - held.amount
        - case when v_wanted.is_locked then coalesce(counters.spare, 0) else 0 end,$to$
        ),
        (
          4,
          'usage.gate_open_counters(usage.gate_line[])',
          $from$    left join usage.counters
$from$,
          $to$    left join usage.counter_totals as counters
$to$
        ),
        (
          5,
          'usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[])',
          $from$perform usage.add(v_counter.$from$,
          $to$perform usage.take(v_counter.$to$
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
