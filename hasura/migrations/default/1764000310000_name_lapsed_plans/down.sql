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
          'usage.add(uuid, text, bigint, boolean)',
          $from$else usage.not_included_reason(_workspace, _metric) end,$from$,
          $to$else 'feature-not-in-plan' end,$to$
        ),
        (
          'usage.gate_many(jsonb)',
          $from$when v_reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required')$from$,
          $to$when v_reason in ('usage-limit-exceeded', 'feature-not-in-plan')$to$
        ),
        (
          'usage.gate_many(jsonb)',
          $from$        when 'plan-required' then format(
          '%s is not included without a live subscription: limit of 0, %s used, %s more asked',
          g_metric[g], g_used[g], v_amount
        )
        when 'row-metered' then format($from$,
          $to$        when 'row-metered' then format($to$
        ),
        (
          'usage.gate_many(jsonb)',
          $from$v_reason := usage.not_included_reason(g_workspace[g], g_metric[g]);$from$,
          $to$v_reason := 'feature-not-in-plan';$to$
        )
    ) as changes (function_name, old_text, new_text)
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;
end
$do$;

drop function usage.not_included_reason(uuid, text);
