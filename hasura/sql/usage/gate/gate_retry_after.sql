create or replace function usage.gate_retry_after(p_line usage.gate_line, p_counter usage.gate_counter)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
  select greatest(ceil(extract(epoch from helped.at - clock_timestamp())), 1)::integer
  from (
    select
      least(
        case
          when p_counter.kind = 'counter' and p_line.amount <= p_counter.free + p_counter.used + p_counter.held
            then p_counter.period_end
        end,
        case
          when p_counter.held > 0 and p_line.amount <= p_counter.free + p_counter.held then (
            select min(freed.expires_at)
            from (
              select
                reservations.expires_at,
                sum(reservations.amount) over (order by reservations.expires_at, reservations.id) as amount
              from usage.reservations
              where reservations.workspace_id = p_counter.workspace_id
                and reservations.metric = p_counter.metric
                and reservations.status = 'held'
                and reservations.expires_at > now()
                and reservations.id is distinct from own.id
            ) as freed
            where freed.amount >= p_line.amount - p_counter.free - coalesce(own.amount, 0)
          )
        end
      ) as at,
      own.expires_at as until
    from (values (usage.gate_own_hold(p_line))) as asking (hold)
    cross join lateral (
      select (asking.hold).id, (asking.hold).amount, (asking.hold).expires_at
    ) as own
  ) as helped
  where helped.at is not null
    -- A hold that is over by then can no longer be committed.
    and (helped.until is null or helped.at < helped.until)
$$;

comment on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) is 'Seconds until a refused amount may fit by time alone: the next period, or the earliest end of enough holds; null where time does not help.';

revoke execute on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) from public;
