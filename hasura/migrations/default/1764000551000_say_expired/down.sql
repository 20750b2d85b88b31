do $do$
declare
  definition text := pg_get_functiondef('usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations)'::regprocedure);
  old_text constant text := $text$'reservationStatus', case when p_line.reason = 'reservation-expired' then 'expired' else p_reservation.status end,$text$;
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.gate_answer does not hold %', old_text;
  end if;
  execute replace(definition, old_text, $text$'reservationStatus', p_reservation.status,$text$);
end
$do$;
