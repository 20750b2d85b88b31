create or replace view usage.counter_recounts as
select
  added.workspace_id,
  added.metric,
  added.period_start,
  sum(added.amount)::bigint as amount
from (
  select tallied.workspace_id, tallied.metric, tallied.period_start, tallied.amount
  from usage.counter_log_totals as tallied
  union all
  select entered.workspace_id, entered.metric, entered.period_start, entered.amount
  from usage.counter_log as entered
) as added
-- Servers below 16 print a view over one relation in another way; the committed description must be the same on all.
cross join (values (1)) as once (one)
group by added.workspace_id, added.metric, added.period_start;

comment on view usage.counter_recounts is 'What was added to each counter, addition by addition, with a key or without: a counter that differs has drifted.';
