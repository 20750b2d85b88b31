create or replace view usage.counter_recounts as
select
  added.workspace_id,
  added.metric,
  added.period_start,
  sum(added.amount)::bigint as amount
from (
  select
    total.workspace_id,
    total.metric,
    total.period_start,
    total.amount
  from usage.counter_log_totals as total
  union all
  select
    addition.workspace_id,
    addition.metric,
    addition.period_start,
    addition.amount
  from usage.counter_log as addition
) as added
-- PostgreSQL 15 prints the columns of a view over one relation without their table. With two, every version prints the same.
cross join (values (1)) as once (one)
group by added.workspace_id, added.metric, added.period_start;

comment on view usage.counter_recounts is 'The sum of all logged additions to each counter, those without an idempotency key included. A counter with another value has drifted.';
