drop function usage.cool_counters();
