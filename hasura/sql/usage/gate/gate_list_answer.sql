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
            when refused.answer is null then part.answer
            else part.answer || '{"granted": 0, "reservationId": null, "expiresAt": null}'
          end
          order by part.item
        )
        from unnest(p_answers) with ordinality as part (answer, item)
      )
    )
  from (select 1) as one
  left join lateral (
    select part.answer
    from unnest(p_answers) with ordinality as part (answer, item)
    where not (part.answer ->> 'allowed')::boolean
    order by part.item
    limit 1
  ) as refused on true
$$;

comment on function usage.gate_list_answer(jsonb[]) is 'The answer to a request with items: that of the first item that was refused, with all of them under items; nothing was granted unless all are allowed.';

revoke execute on function usage.gate_list_answer(jsonb[]) from public;
