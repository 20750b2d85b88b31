alter function usage.gate_admit(usage.gate_line, usage.gate_counter) set search_path = pg_catalog, pg_temp;
alter function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) set search_path = pg_catalog, pg_temp;
alter function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) set search_path = pg_catalog, pg_temp;
alter function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) set search_path = pg_catalog, pg_temp;
alter function usage.gate_items(jsonb) set search_path = pg_catalog, pg_temp;

do $do$
declare
  definition text := pg_get_functiondef('usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)'::regprocedure);
  old_message constant text := $text$'message', case when p_line.reason is not null then usage.gate_message(p_line, p_counter) end$text$;
  old_limit constant text := $text$'limitedBy', case when p_line.reason is not null then usage.gate_limited_by(p_line, p_counter) end$text$;
begin
  if position(old_message in definition) = 0 or position(old_limit in definition) = 0 then
    raise exception 'usage.gate_answer does not hold % or %', old_message, old_limit;
  end if;
  execute replace(
    replace(definition, old_message, $text$'message', usage.gate_message(p_line, p_counter)$text$),
    old_limit,
    $text$'limitedBy', usage.gate_limited_by(p_line, p_counter)$text$
  );
end
$do$;

do $do$
declare
  definition text := pg_get_functiondef('usage.gate_claim_keys(usage.gate_line[])'::regprocedure);
  old_text constant text := $text$    join (
      select
        part.n,
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      group by part.n
    ) as line on line.n = claim.n
$text$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.gate_claim_keys does not hold %', old_text;
  end if;
  execute replace(definition, old_text, $text$    join lateral (
      select
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      where part.n = claim.n
    ) as line on true
$text$);
end
$do$;
