drop function usage.correct(jsonb);

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
          'usage.gate_many(jsonb)',
          $from$  if jsonb_path_exists(requests, '$[*].occurredAt ? (@ != null)') then
    return usage.gate_dated(requests);
  end if;
  v_lines := usage.gate_parse(requests);
$from$,
          $to$  v_lines := usage.gate_parse(requests);
$to$
        ),
        (
          2,
          'usage.gate_claim_keys(usage.gate_line[])',
          $from$    occurred_at = null,
    corrects = null,
    delta = null,
    note = null,
    allowed = null,
$from$,
          $to$    allowed = null,
$to$
        ),
        (
          3,
          'usage.gate_message(usage.gate_line, usage.gate_counter)',
          $from$  select case p_line.reason
    when 'period-closed' then 'the period of this moment is closed: it takes nothing any more'
$from$,
          $to$  select case p_line.reason
$to$
        ),
        (
          4,
          'usage.reconcile(uuid, boolean)',
          $from$      select r.workspace_id, r.metric, r.period_start, r.amount
      from usage.counter_recounts r
      where $1 is null or r.workspace_id = $1
$from$,
          $to$      select r.workspace_id, r.metric, r.period_start, sum(r.amount)::bigint
      from (
        select t.workspace_id, t.metric, t.period_start, t.amount
        from usage.counter_tallies t
        where $1 is null or t.workspace_id = $1
        union all
        select e.workspace_id, e.metric, e.period_start, e.amount
        from usage.counter_entries e
        where $1 is null or e.workspace_id = $1
      ) r
      group by r.workspace_id, r.metric, r.period_start
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

drop function usage.gate_dated(jsonb);
drop function usage.gate_late(jsonb, timestamptz);
drop function usage.read_moment(text);
drop function usage.add_to_past(usage.gate_counter, boolean, bigint);
drop function usage.open_past_counter(uuid, text, timestamptz);
drop function usage.recount(uuid, text, timestamptz);
drop view usage.counter_recounts;

drop index usage.ledger_corrects_idx;

delete from usage.ledger
where op in ('amend', 'void');

alter table usage.ledger
  drop constraint ledger_correction_whole,
  drop column note,
  drop column delta,
  drop column corrects,
  drop column occurred_at,
  drop constraint ledger_op_known;

alter table usage.ledger
  add constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release', 'extend'));

alter table usage.metrics
  drop constraint metrics_late_hours_range,
  drop column late_hours;
