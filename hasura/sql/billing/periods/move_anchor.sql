create or replace function billing.move_anchor(
  p_workspace_id uuid,
  p_anchor_at timestamptz,
  p_old_zone text,
  p_new_zone text,
  p_at timestamptz
)
returns void
language plpgsql
as $$
declare
  _present record;
  _following record;
begin
  -- Without use there is no counter to reset early, so the new anchor is in force at once.
  if billing.has_no_use(p_workspace_id) then
    select
      period.period_start,
      period.period_end
    into _present
    from billing.anchored_period(p_anchor_at, p_new_zone, p_at) as period;
    delete from billing.period_anchors as anchor
    where anchor.workspace_id = p_workspace_id
      and anchor.valid_from >= _present.period_start;
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (p_workspace_id, _present.period_start, p_anchor_at, p_new_zone);
    return;
  end if;

  -- The first move records the calendar months before it, which past periods keep.
  if not exists (
    select
    from billing.period_anchors as anchor
    where anchor.workspace_id = p_workspace_id
  ) then
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (p_workspace_id, '-infinity', null, p_old_zone);
  end if;

  select
    period.period_start,
    period.period_end
  into _present
  from usage.period(p_workspace_id, greatest(p_at, now())) as period;
  select
    period.period_start,
    period.period_end
  into _following
  from billing.anchored_period(p_anchor_at, p_new_zone, _present.period_end) as period;

  delete from billing.period_anchors as anchor
  where anchor.workspace_id = p_workspace_id
    and anchor.valid_from >= _present.period_start;
  insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
  values (
    p_workspace_id,
    _present.period_start,
    p_anchor_at,
    p_new_zone,
    case
      when _following.period_start = _present.period_end then _present.period_end
      else _following.period_end
    end
  );
end
$$;

comment on function billing.move_anchor(uuid, timestamptz, text, text, timestamptz) is 'Puts another anchor or time zone in force for a workspace from a moment on; a null anchor is the calendar month. Where use is counted, the present period is prolonged to the first bound of the new periods at or after its end, so that no counter resets early.';
