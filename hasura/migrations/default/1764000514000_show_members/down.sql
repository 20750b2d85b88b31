drop function usage.reconcile_members(uuid, boolean);
alter table usage.reconciliations drop column member_id;
drop view usage.member_current;
