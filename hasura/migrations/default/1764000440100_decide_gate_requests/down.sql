drop function usage.gate_list_answer(jsonb[]);
drop function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]);
drop function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations);
drop function usage.gate_retry_after(usage.gate_line, usage.gate_counter);
drop function usage.gate_message(usage.gate_line, usage.gate_counter);
drop function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations);
drop function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations);
drop function usage.gate_admit(usage.gate_line, usage.gate_counter);
drop function usage.gate_open_counters(usage.gate_line[]);
