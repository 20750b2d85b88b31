drop table usage.api_call_batches;
drop table usage.api_calls;
drop table usage.api_keys;
