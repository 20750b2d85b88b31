create or replace function usage.add_on_for(p_workspace_id uuid, p_metric text, p_needed bigint)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'addOnId', offered.id,
    'name', offered.name,
    'quantity', needed.quantity,
    'priceCents', needed.quantity * offered.price_cents
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound
  join billing.add_ons as offered
    on offered.metric = p_metric
    and offered.is_public
  cross join lateral (
    select ceil((p_needed - bound.cap_value)::numeric / offered.amount)::bigint as quantity
  ) as needed
  -- An override replaces add-ons, so buying more of them changes nothing.
  where bound.source <> 'override'
    and needed.quantity between 1 and 1000000
  order by needed.quantity * offered.price_cents, needed.quantity, offered.id
  limit 1
$$;

comment on function usage.add_on_for(uuid, text, bigint) is 'Returns the cheapest public add-on, in the quantity that lets the total use of a metric reach p_needed on the present plan: addOnId, name, quantity, priceCents a month. Null where none does. Refusals of the gate name it.';

revoke execute on function usage.add_on_for(uuid, text, bigint) from public;
