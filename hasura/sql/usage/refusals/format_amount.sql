create or replace function usage.format_amount(p_amount bigint, p_unit text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _magnitude constant numeric := abs(p_amount::numeric);
  _sign constant text := case when p_amount < 0 then '-' else '' end;
  _scale numeric := 1::numeric;
  _suffix text := '';
  _shown text;
begin
  case p_unit
    when 'bytes' then
      _scale := case
        when _magnitude >= 1073741824 then 1073741824::numeric
        when _magnitude >= 1048576 then 1048576::numeric
        when _magnitude >= 1024 then 1024::numeric
        else 1::numeric
      end;
      _suffix := case _scale
        when 1073741824 then ' GiB'
        when 1048576 then ' MiB'
        when 1024 then ' KiB'
        else ' B'
      end;
    when 'seconds' then
      _scale := case when _magnitude >= 60 then 60::numeric else 1::numeric end;
      _suffix := case _scale when 60 then ' min' else ' s' end;
    when 'micro_usd' then
      -- A request may cost less than a cent.
      if _magnitude between 1 and 9999 then
        return _sign || '$' || rtrim((_magnitude * 0.000001)::text, '0');
      end if;
      return _sign || '$' || (div(_magnitude, 10000) * 0.01)::text;
    else
      return p_amount::text;
  end case;
  -- Multiplied by hundredths: a division of numerics may round the last digit up.
  _shown := (div(_magnitude * 100, _scale) * 0.01)::text;
  if position('.' in _shown) > 0 then
    _shown := rtrim(rtrim(_shown, '0'), '.');
  end if;
  return _sign || _shown || _suffix;
end
$$;

comment on function usage.format_amount(bigint, text) is 'An amount in the unit that people use: GiB, MiB, KiB or B of bytes, minutes or seconds of seconds, dollars of micro-USD with six decimals below a cent, the plain number of anything else. Cut after two decimals and never rounded up, so that what is below a limit does not read as the limit. The dashboard and e-mails, which follow the price list, call a GiB a GB.';

revoke execute on function usage.format_amount(bigint, text) from public;
