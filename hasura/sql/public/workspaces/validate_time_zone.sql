create or replace function public.validate_time_zone()
returns trigger
language plpgsql
as $$
begin
  -- pg_timezone_names reads the whole zone database from disk, so a zone already in use is trusted first
  if new.time_zone = 'UTC' or exists (select from public.workspaces where time_zone = new.time_zone) then
    return new;
  end if;
  if not exists (select from pg_catalog.pg_timezone_names where name = new.time_zone) then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

create or replace trigger workspaces_validate_time_zone
  before insert or update of time_zone on public.workspaces
  for each row execute function public.validate_time_zone();
