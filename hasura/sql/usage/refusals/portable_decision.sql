create or replace function usage.portable_decision(p_decision jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_object_agg(
    member.key,
    case
      when member.key in ('amount', 'used', 'reserved', 'limit', 'remaining') and member.value <> 'null'
        then to_jsonb(member.value #>> '{}')
      when member.key = 'metric' and member.value #>> '{}' !~ '^[a-z][a-z0-9_]{0,62}$'
        then 'null'::jsonb
      else member.value
    end
  )
  from jsonb_each(p_decision) as member
  where member.key in (
    'reason', 'metric', 'amount', 'used', 'reserved', 'limit', 'remaining', 'limitedBy', 'resetsAt', 'retryAfterSeconds',
    'member', 'upgrade', 'addOn'
  )
$$;

comment on function usage.portable_decision(jsonb) is 'The members of a decision that a client can act on. Amounts are text: a bigint need not fit the numbers of JSON. metric is null where no metric can have that name, so that a client cannot make the message long.';

revoke execute on function usage.portable_decision(jsonb) from public;
