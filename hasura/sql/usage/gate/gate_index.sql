create or replace function usage.gate_index(p_counters usage.gate_counter[], p_reservations usage.reservations[])
returns jsonb
language plpgsql
immutable
as $$
begin
  return (
    select jsonb_object_agg(place.key, place.ordinality)
    from (
      select concat_ws(' ', counter.workspace_id, counter.metric, counter.member_id) as key, counter.ordinality
      from unnest(p_counters) with ordinality as counter
      union all
      select reservation.id::text, reservation.ordinality
      from unnest(p_reservations) with ordinality as reservation
    ) as place
  );
end
$$;

comment on function usage.gate_index(usage.gate_counter[], usage.reservations[]) is 'Where each counter and reservation stands in its array, from 1: {"<workspace> <metric>": n, "<workspace> <metric> <member>": n, "<reservation>": n}. A step of usage.gate_many.';

revoke execute on function usage.gate_index(usage.gate_counter[], usage.reservations[]) from public;
