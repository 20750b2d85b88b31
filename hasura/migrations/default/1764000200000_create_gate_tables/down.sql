drop trigger usage_forget_decisions_truncate on public.workspaces;
drop trigger usage_forget_decisions_delete on public.workspaces;
drop function usage.forget_decisions();

alter table usage.reservations
  drop column answer;

drop table usage.cron_runs;
drop table usage.api_calls;
drop table usage.decisions;
drop table usage.ledger;
