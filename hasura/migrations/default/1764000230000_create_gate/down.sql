drop type usage.gate_counter;
drop type usage.gate_claim;
drop type usage.gate_line;
drop table usage.decisions;
drop table usage.ledger;
drop table usage.reservations;
