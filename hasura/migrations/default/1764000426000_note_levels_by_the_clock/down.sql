drop trigger plan_limits_void_levels on billing.plan_limits;
drop function usage.void_levels();
drop function usage.note_due_levels(integer);
