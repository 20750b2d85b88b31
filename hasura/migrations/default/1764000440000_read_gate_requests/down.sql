drop function usage.gate_claim_keys(usage.gate_line[]);
drop function usage.gate_items(jsonb);
drop function usage.gate_parse(jsonb);
drop type usage.gate_counter;
drop type usage.gate_claim;
drop type usage.gate_line;

delete from usage.ledger
where op = 'extend';

alter table usage.ledger
  drop constraint ledger_op_known;

alter table usage.ledger
  add constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release'));

update usage.reservations
set committed_amount = amount
where committed_amount > amount;

alter table usage.reservations
  drop constraint reservations_committed_amount_range;

alter table usage.reservations
  add constraint reservations_committed_amount_range check (committed_amount between 0 and amount);
