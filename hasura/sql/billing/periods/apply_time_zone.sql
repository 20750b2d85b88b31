create or replace function billing.apply_time_zone()
returns trigger
language plpgsql
as $$
declare
  _anchor_at timestamptz;
begin
  if billing.has_no_use(new.id) then
    update billing.period_anchors
    set time_zone = new.time_zone
    where workspace_id = new.id;
    return null;
  end if;
  select governing.anchor_at
  into _anchor_at
  from billing.period_anchors as governing
  where governing.workspace_id = new.id
    and governing.valid_from <= now()
  order by governing.valid_from desc
  limit 1;
  perform billing.move_anchor(new.id, _anchor_at, old.time_zone, new.time_zone, now());
  return null;
end
$$;

comment on function billing.apply_time_zone() is 'Moves the periods of a workspace to its new time zone: at once where nothing is counted, else after the present period.';

create or replace trigger workspaces_apply_time_zone
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function billing.apply_time_zone();
