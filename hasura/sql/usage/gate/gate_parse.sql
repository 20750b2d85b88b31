create or replace function usage.gate_parse(p_requests jsonb)
returns usage.gate_line[]
language plpgsql
stable
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  c_most constant bigint := 9007199254740991;
begin
  -- Each step is fenced: flattened into one, its expressions would run once for every use. The lookups are scalar
  -- subqueries, which stay index lookups however many requests the planner expects.
  return array(
    select row(
      judged.n, judged.item, judged.op, judged.workspace_id, judged.metric, judged.feed, judged.amount,
      judged.is_partial, judged.ttl, judged.key, judged.reservation_id,
      concat_ws(
        chr(31),
        case when judged.item is null then judged.op else judged.op || '[]' end,
        coalesce(judged.reservation_id::text, judged.metric),
        judged.amount::text,
        case when judged.op in ('reserve', 'extend') then judged.ttl::text end,
        case when judged.is_partial then 'partial' end
      ),
      judged.reason, null, null, null, null, null, null, judged.member_id, null
    )::usage.gate_line
    from jsonb_array_elements(p_requests) with ordinality as element (value, n)
    cross join lateral (
      select
        element.value ->> 'op' as op,
        element.value ->> 'workspaceId' as workspace_id,
        element.value ->> 'ttlSeconds' as ttl,
        element.value ->> 'idempotencyKey' as key,
        element.value ->> 'reservationId' as reservation_id,
        element.value ->> 'partial' as partial,
        element.value ->> 'memberId' as member_id,
        nullif(element.value -> 'items', 'null') as items,
        case when element.value ? 'items' then usage.gate_items(element.value) end as list
      offset 0
    ) as asked
    left join lateral jsonb_array_elements(asked.list) with ordinality as part (value, item)
      on true
    cross join lateral (
      select
        coalesce(part.value, element.value) ->> 'metric' as metric,
        coalesce(part.value, element.value) ->> 'amount' as amount
      offset 0
    ) as named
    cross join lateral (
      select
        asked.op in ('commit', 'release', 'extend') as settles,
        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
        case when asked.member_id ~ c_uuid then asked.member_id::uuid end as member_id,
        case when asked.op in ('commit', 'release', 'extend') and asked.reservation_id ~ c_uuid then asked.reservation_id::uuid end as reservation_id,
        case
          when named.amount ~ '^[0-9]{1,16}$' then named.amount::bigint
          when named.amount is null and asked.op in ('check', 'consume', 'reserve') then 1
        end as amount,
        case
          when asked.ttl ~ '^[0-9]{1,5}$' then asked.ttl::integer
          when asked.ttl is null then 300
        end as ttl
      offset 0
    ) as parsed
    cross join lateral (
      select
        (
          select workspaces.id
          from public.workspaces
          where workspaces.id = parsed.workspace_id
        ) is not null as workspace_known,
        case
          when not parsed.settles then named.metric
          else (
            select reservations.metric
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
              -- What a lease holds is not a reservation that a caller could settle.
              and reservations.lease_holder is null
          )
        end as metric,
        case
          when not parsed.settles then parsed.member_id
          -- The member of a hold is the one that it was given to, whoever ends it.
          else (
            select reservations.member_id
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
          )
        end as member_id
      offset 0
    ) as found
    cross join lateral (
      select
        element.n::integer as n,
        part.item::integer as item,
        asked.op,
        parsed.workspace_id,
        coalesce(found.metric, named.metric) as metric,
        fed.feed,
        parsed.amount,
        asked.partial = 'true' as is_partial,
        parsed.ttl,
        asked.key,
        parsed.reservation_id,
        found.member_id,
        case
          when asked.op is null
            or asked.op not in ('check', 'consume', 'reserve', 'commit', 'release', 'extend')
            or asked.workspace_id is null
            or (asked.items is not null and asked.list is null)
            or (named.amount is not null and parsed.amount is null)
            or parsed.amount not between 1 and c_most
            or parsed.ttl is null
            or parsed.ttl not between 1 and 86400
            or char_length(asked.key) not between 1 and 255
            or asked.partial not in ('true', 'false')
            or (asked.member_id is not null and parsed.member_id is null)
            or (asked.partial = 'true' and (parsed.settles or asked.list is not null))
            then 'invalid-input'
          when not found.workspace_known then 'workspace-forbidden'
          when parsed.settles and asked.reservation_id is null then 'invalid-input'
          when parsed.settles and found.metric is null then 'reservation-not-found'
          when found.metric is null then 'invalid-input'
          when fed.feed is null then 'unknown-metric'
          when asked.op = 'consume' and fed.feed = 'rows' then 'row-metered'
        end as reason
      from (
        select (
          select metrics.feed
          from usage.metrics
          where metrics.key = found.metric
        ) as feed
      ) as fed
      offset 0
    ) as judged
    order by element.n, part.item
  );
end
$$;

comment on function usage.gate_parse(jsonb) is 'The requests as lines, one for each metric, normalised; reason is set where a request can be refused without any lock.';

revoke execute on function usage.gate_parse(jsonb) from public;
