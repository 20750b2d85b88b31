create or replace function usage.gate_items(p_request jsonb)
returns jsonb
language plpgsql
immutable
as $$
declare
  _items constant jsonb := p_request -> 'items';
begin
  if _items is null
    or jsonb_typeof(_items) <> 'array'
    or p_request ->> 'op' not in ('check', 'consume', 'reserve')
    or jsonb_array_length(_items) not between 1 and 32
    or coalesce(p_request ->> 'metric', p_request ->> 'amount', p_request ->> 'reservationId') is not null
    -- Items are decided one by one: two of the same metric would not see each other.
    or (
      select count(distinct item.value ->> 'metric') < count(*)
      from jsonb_array_elements(_items) as item (value)
    )
  then
    return null;
  end if;
  return _items;
end
$$;

comment on function usage.gate_items(jsonb) is 'The items of a request for several metrics: 1 to 32, each of another metric. Null where the request has none, or has items that make it invalid. A step of usage.gate_many.';

revoke execute on function usage.gate_items(jsonb) from public;
