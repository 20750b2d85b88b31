drop function usage.prune_api_calls(timestamptz, timestamptz);
drop function usage.add_api_calls(uuid, jsonb);
drop table usage.api_call_batches;

-- What was told apart comes together again.
create temporary table merged_api_calls on commit drop as
select workspace_id, hour, user_id, operation, sum(count) as count, min(created_at) as created_at
from usage.api_calls
group by workspace_id, hour, user_id, operation;

delete from usage.api_calls;

drop index usage.api_calls_hour_idx;

alter table usage.api_calls
  drop constraint api_calls_one_per_hour,
  drop constraint api_calls_protocol_known,
  drop constraint api_calls_sums_not_negative,
  drop column api_key_id,
  drop column role,
  drop column protocol,
  drop column status,
  drop column code,
  drop column refused,
  drop column errors,
  drop column latency_ms_sum,
  drop column latency_ms_min,
  drop column latency_ms_max,
  drop column bytes_in,
  drop column bytes_out,
  add constraint api_calls_one_per_hour unique nulls not distinct (workspace_id, hour, user_id, operation);

insert into usage.api_calls (workspace_id, hour, user_id, operation, count, created_at)
select workspace_id, hour, user_id, operation, count, created_at
from merged_api_calls;

comment on column usage.api_calls.operation is null;
comment on column usage.api_calls.count is null;
