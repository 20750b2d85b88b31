create or replace function public.validate_time_zone()
returns trigger
language plpgsql
as $$
begin
  -- pg_timezone_names reads the whole zone database from disk, so a zone that a workspace has already is not looked up.
  if new.time_zone = 'UTC' or exists (select from public.workspaces as workspace where workspace.time_zone = new.time_zone) then
    return new;
  end if;
  if not exists (select from pg_catalog.pg_timezone_names as zone where zone.name = new.time_zone) then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

comment on function public.validate_time_zone() is 'Trigger function: raises check_violation (workspaces_time_zone_known) unless the time zone is a name of pg_timezone_names.';

create or replace trigger workspaces_validate_time_zone
  before insert or update of time_zone on public.workspaces
  for each row execute function public.validate_time_zone();
