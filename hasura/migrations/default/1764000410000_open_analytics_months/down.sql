do $$
declare
  _month regclass;
begin
  for _month in
    select inhrelid::regclass
    from pg_inherits
    where inhparent = 'analytics.events'::regclass
  loop
    execute format('drop table %s', _month);
  end loop;
end
$$;
