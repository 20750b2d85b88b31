select usage.meter_members(m.relation, m.metric, null)
from usage.meters m
join pg_class c on c.oid = m.relation
where m.member_expression is not null;

drop function usage.detach_meter(regclass, text);
drop function usage.attach_meter(regclass, text, text, text, text, text);
alter function usage.detach_workspace_meter(regclass, text) rename to detach_meter;
alter function usage.attach_workspace_meter(regclass, text, text, text, text) rename to attach_meter;

drop trigger meters_require_read_committed_update on usage.meters;
drop function usage.meter_members(regclass, text, text);
drop function usage.restart_members(text);
drop function usage.rebuild_member_meters(regclass);
drop function usage.member_body(text[], text, text);
drop function usage.member_total(text);
drop function usage.meter_member_raise_branch(usage.meters);
