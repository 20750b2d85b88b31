-- Functions in SQL that are not inlined are planned at every call, here for each request that is allowed and has nothing to
-- explain. A search path that is set and taken back at each call costs as much as these steps: they qualify every name and
-- run only inside usage.gate_many, which has set it.
do $do$
declare
  definition text := pg_get_functiondef('usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)'::regprocedure);
  old_message constant text := $text$'message', usage.gate_message(p_line, p_counter)$text$;
  old_limit constant text := $text$'limitedBy', usage.gate_limited_by(p_line, p_counter)$text$;
begin
  if position(old_message in definition) = 0 or position(old_limit in definition) = 0 then
    raise exception 'usage.gate_answer does not hold % or %', old_message, old_limit;
  end if;
  execute replace(
    replace(definition, old_message, $text$'message', case when p_line.reason is not null then usage.gate_message(p_line, p_counter) end$text$),
    old_limit,
    $text$'limitedBy', case when p_line.reason is not null then usage.gate_limited_by(p_line, p_counter) end$text$
  );
end
$do$;

alter function usage.gate_admit(usage.gate_line, usage.gate_counter) reset search_path;
alter function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) reset search_path;
alter function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) reset search_path;
alter function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) reset search_path;
alter function usage.gate_items(jsonb) reset search_path;

-- Every claim looked through all lines.
do $do$
declare
  definition text := pg_get_functiondef('usage.gate_claim_keys(usage.gate_line[])'::regprocedure);
  old_text constant text := $text$    join lateral (
      select
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      where part.n = claim.n
    ) as line on true
$text$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.gate_claim_keys does not hold %', old_text;
  end if;
  execute replace(definition, old_text, $text$    join (
      select
        part.n,
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      group by part.n
    ) as line on line.n = claim.n
$text$);
end
$do$;
