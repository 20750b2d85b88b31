create or replace function usage.gate_parse(p_requests jsonb)
returns usage.gate_line[]
language plpgsql
stable
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The largest integer that a JSON number keeps exactly.
  _max_amount constant bigint := 9007199254740991;
begin
  -- "offset 0" keeps the steps apart: merged into one query level, an expression would run once for each of its uses.
  -- The lookups are scalar subqueries, which stay index lookups for any number of requests that the planner expects.
  return array(
    select row(
      checked.request_no,
      checked.item_no,
      checked.op,
      checked.workspace_id,
      checked.metric,
      checked.feed,
      checked.amount,
      checked.is_partial,
      checked.ttl,
      checked.key,
      checked.reservation_id,
      -- What a repetition under the same idempotency key must have in common.
      concat_ws(
        chr(31),
        case when checked.item_no is null then checked.op else checked.op || '[]' end,
        coalesce(checked.reservation_id::text, checked.metric),
        checked.amount::text,
        case when checked.op in ('reserve', 'extend') then checked.ttl::text end,
        case when checked.is_partial then 'partial' end
      ),
      checked.reason,
      null,
      null,
      null,
      null,
      null,
      null,
      checked.member_id,
      null
    )::usage.gate_line
    from jsonb_array_elements(p_requests) with ordinality as element (value, request_no)
    cross join lateral (
      select
        element.value ->> 'op' as op,
        element.value ->> 'workspaceId' as workspace_id,
        element.value ->> 'ttlSeconds' as ttl,
        element.value ->> 'idempotencyKey' as key,
        element.value ->> 'reservationId' as reservation_id,
        element.value ->> 'partial' as partial,
        element.value ->> 'memberId' as member_id,
        nullif(element.value -> 'items', 'null') as given_items,
        case when element.value ? 'items' then usage.gate_items(element.value) end as items
      offset 0
    ) as request
    left join lateral jsonb_array_elements(request.items) with ordinality as item (value, item_no)
      on true
    cross join lateral (
      select
        coalesce(item.value, element.value) ->> 'metric' as metric,
        coalesce(item.value, element.value) ->> 'amount' as amount
      offset 0
    ) as wanted
    cross join lateral (
      select
        request.op in ('commit', 'release', 'extend') as is_settling,
        case when request.workspace_id ~ _uuid_pattern then request.workspace_id::uuid end as workspace_id,
        case when request.member_id ~ _uuid_pattern then request.member_id::uuid end as member_id,
        case
          when request.op in ('commit', 'release', 'extend') and request.reservation_id ~ _uuid_pattern
            then request.reservation_id::uuid
        end as reservation_id,
        case
          when wanted.amount ~ '^[0-9]{1,16}$' then wanted.amount::bigint
          when wanted.amount is null and request.op in ('check', 'consume', 'reserve') then 1
        end as amount,
        case
          when request.ttl ~ '^[0-9]{1,5}$' then request.ttl::integer
          when request.ttl is null then 300
        end as ttl
      offset 0
    ) as parsed
    cross join lateral (
      select
        (
          select workspaces.id
          from public.workspaces
          where workspaces.id = parsed.workspace_id
        ) is not null as is_workspace,
        case
          when not parsed.is_settling then wanted.metric
          else (
            select reservations.metric
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
              -- The reservation of a lease is settled by its process alone.
              and reservations.lease_holder is null
          )
        end as metric,
        case
          when not parsed.is_settling then parsed.member_id
          -- A reservation belongs to the member that it was made for, not to the one that settles it.
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
        element.request_no::integer as request_no,
        item.item_no::integer as item_no,
        request.op,
        parsed.workspace_id,
        coalesce(found.metric, wanted.metric) as metric,
        known.feed,
        parsed.amount,
        request.partial = 'true' as is_partial,
        parsed.ttl,
        request.key,
        parsed.reservation_id,
        found.member_id,
        case
          when request.op is null
            or request.op not in ('check', 'consume', 'reserve', 'commit', 'release', 'extend')
            or request.workspace_id is null
            or (request.given_items is not null and request.items is null)
            or (wanted.amount is not null and parsed.amount is null)
            or parsed.amount not between 1 and _max_amount
            or parsed.ttl is null
            or parsed.ttl not between 1 and 86400
            or char_length(request.key) not between 1 and 255
            or request.partial not in ('true', 'false')
            or (request.member_id is not null and parsed.member_id is null)
            or (request.partial = 'true' and (parsed.is_settling or request.items is not null))
            then 'invalid-input'
          when not found.is_workspace then 'workspace-forbidden'
          when parsed.is_settling and request.reservation_id is null then 'invalid-input'
          when parsed.is_settling and found.metric is null then 'reservation-not-found'
          when found.metric is null then 'invalid-input'
          when known.feed is null then 'unknown-metric'
          when request.op = 'consume' and known.feed = 'rows' then 'row-metered'
        end as reason
      from (
        select (
          select metrics.feed
          from usage.metrics
          where metrics.key = found.metric
        ) as feed
      ) as known
      offset 0
    ) as checked
    order by element.request_no, item.item_no
  );
end
$$;

comment on function usage.gate_parse(jsonb) is 'The requests as lines, one for each metric of a request, in their order and with defaults filled in. A line has a reason where it is refused without any lock: malformed, or naming an unknown workspace, metric or reservation. Reads only. The first step of usage.gate_many.';

revoke execute on function usage.gate_parse(jsonb) from public;
