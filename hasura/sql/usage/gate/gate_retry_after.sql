create or replace function usage.gate_retry_after(p_line usage.gate_line, p_counter usage.gate_counter)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
  select greatest(ceil(extract(epoch from fits.at - clock_timestamp())), 1)::integer
  from (
    select
      least(
        -- The next period begins with nothing used.
        case
          when p_counter.kind = 'counter' and p_line.amount <= p_counter.free + p_counter.used + p_counter.reserved
            then p_counter.period_end
        end,
        -- Enough other reservations have expired.
        case
          when p_counter.reserved > 0 and p_line.amount <= p_counter.free + p_counter.reserved then (
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
      own.expires_at as own_expires_at
    from (values (usage.gate_own_hold(p_line))) as line (hold)
    cross join lateral (
      select (line.hold).id, (line.hold).amount, (line.hold).expires_at
    ) as own
  ) as fits
  where fits.at is not null
    -- A commit comes too late once its own reservation has expired.
    and (fits.own_expires_at is null or fits.at < fits.own_expires_at)
$$;

comment on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) is 'Seconds, at least 1, until a refused amount may fit without anybody acting: when the next period begins, or when enough other reservations have expired. Null where time does not help. A step of usage.gate_many.';

revoke execute on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) from public;
