create or replace function usage.status_of(p_percent numeric)
returns text
language sql
immutable
as $$
  select case
    when p_percent >= 100 then 'critical'
    when p_percent >= 90 then 'warning'
    when p_percent >= 75 then 'info'
    else 'ok'
  end
$$;

comment on function usage.status_of(numeric) is 'The status of a share of the limit: ok, info from 75 percent, warning from 90, critical from 100. Null, for no limit, is ok.';
