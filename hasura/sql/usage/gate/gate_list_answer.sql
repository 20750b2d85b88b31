create or replace function usage.gate_list_answer(p_answers jsonb[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when refused.answer is null then '{}' else refused.answer end
    || jsonb_build_object(
      'allowed', refused.answer is null,
      'items', (
        select jsonb_agg(
          case
            when refused.answer is null then item.answer
            else item.answer || '{"granted": 0, "reservationId": null, "expiresAt": null}'
          end
          order by item.item_no
        )
        from unnest(p_answers) with ordinality as item (answer, item_no)
      )
    )
  from (select 1) as one
  left join lateral (
    select item.answer
    from unnest(p_answers) with ordinality as item (answer, item_no)
    where not (item.answer ->> 'allowed')::boolean
    order by item.item_no
    limit 1
  ) as refused on true
$$;

comment on function usage.gate_list_answer(jsonb[]) is 'The answer to a request with items: that of the first refused item, with the answers of all under items. Unless every item is allowed, granted is 0 for each. A step of usage.gate_many.';

revoke execute on function usage.gate_list_answer(jsonb[]) from public;
