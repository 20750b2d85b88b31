drop trigger usage_forget_entries_truncate on public.workspaces;
drop trigger usage_forget_entries_delete on public.workspaces;
drop function usage.forget_entries();
drop table usage.reconciliations;
drop table usage.reservations;
drop table usage.counter_tallies;
drop table usage.counter_entries;
drop table usage.peaks;
drop table usage.counters;
