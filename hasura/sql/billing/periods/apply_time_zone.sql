create or replace function billing.apply_time_zone()
returns trigger
language plpgsql
as $$
declare
  anchor timestamptz;
begin
  if billing.has_no_use(new.id) then
    update billing.period_anchors
    set time_zone = new.time_zone
    where workspace_id = new.id;
    return null;
  end if;
  select a.anchor_at
  into anchor
  from billing.period_anchors a
  where a.workspace_id = new.id
  and a.valid_from <= now()
  order by a.valid_from desc
  limit 1;
  perform billing.move_anchor(new.id, anchor, old.time_zone, new.time_zone, now());
  return null;
end
$$;

create or replace trigger workspaces_apply_time_zone
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function billing.apply_time_zone();
