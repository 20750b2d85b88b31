create or replace function usage.read_moment(p_text text)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$' then
    return null;
  end if;
  return p_text::timestamptz;
exception when data_exception then
  return null;
end
$$;

comment on function usage.read_moment(text) is 'The moment that a text in ISO 8601 with its offset names; null for any other text. Called by usage.gate_dated.';

revoke execute on function usage.read_moment(text) from public;
