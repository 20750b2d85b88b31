drop function billing.limit_of(uuid, text, timestamptz);
drop function billing.plan_of(uuid, timestamptz);
