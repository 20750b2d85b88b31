create or replace function billing.move_anchor(
  workspace_id uuid,
  new_anchor timestamptz,
  old_zone text,
  new_zone text,
  at timestamptz
)
returns void
language plpgsql
as $$
declare
  present record;
  following record;
begin
  -- without use there is nothing to hand back: the new rhythm starts at once
  if billing.has_no_use(move_anchor.workspace_id) then
    select * into present from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, move_anchor.at);
    delete from billing.period_anchors a
    where a.workspace_id = move_anchor.workspace_id
    and a.valid_from >= present.period_start;
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, present.period_start, move_anchor.new_anchor, move_anchor.new_zone);
    return;
  end if;

  if not exists (select from billing.period_anchors a where a.workspace_id = move_anchor.workspace_id) then
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, '-infinity', null, move_anchor.old_zone);
  end if;

  select * into present from usage.period(move_anchor.workspace_id, greatest(move_anchor.at, now()));
  select * into following from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, present.period_end);

  delete from billing.period_anchors a
  where a.workspace_id = move_anchor.workspace_id
  and a.valid_from >= present.period_start;
  insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
  values (
    move_anchor.workspace_id,
    present.period_start,
    move_anchor.new_anchor,
    move_anchor.new_zone,
    case when following.period_start = present.period_end then present.period_end else following.period_end end
  );
end
$$;

comment on function billing.move_anchor(uuid, timestamptz, text, text, timestamptz) is 'Changes the rhythm of a workspace from a moment on; use so far stays counted until the old period has ended.';
