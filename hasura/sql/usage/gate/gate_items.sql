create or replace function usage.gate_items(p_request jsonb)
returns jsonb
language plpgsql
immutable
as $$
declare
  v_items constant jsonb := p_request -> 'items';
begin
  if v_items is null
    or jsonb_typeof(v_items) <> 'array'
    or p_request ->> 'op' not in ('check', 'consume', 'reserve')
    or jsonb_array_length(v_items) not between 1 and 32
    or coalesce(p_request ->> 'metric', p_request ->> 'amount', p_request ->> 'reservationId') is not null
    -- A metric twice could not be decided item by item.
    or (
      select count(distinct part.value ->> 'metric') < count(*)
      from jsonb_array_elements(v_items) as part (value)
    )
  then
    return null;
  end if;
  return v_items;
end
$$;

comment on function usage.gate_items(jsonb) is 'The items of a request for several metrics at once; null where there are none or they cannot be decided together.';

revoke execute on function usage.gate_items(jsonb) from public;
