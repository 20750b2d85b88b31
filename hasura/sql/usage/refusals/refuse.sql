create or replace function usage.refuse(p_decision jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _message text := p_decision ->> 'message';
begin
  -- Hasura passes the message of an invented SQLSTATE of class 23 on to clients and drops the detail.
  if coalesce(current_setting('hasura.user', true), '') <> ''
    and coalesce(current_setting('usage.decision_in_message', true), '') <> 'off'
  then
    _message := _message || ' ' || jsonb_build_object('usageDecision', usage.portable_decision(p_decision))::text;
  end if;
  raise exception using
    errcode = '23U01',
    message = _message,
    detail = p_decision::text;
end
$$;

comment on function usage.refuse(jsonb) is 'Raises SQLSTATE 23U01 for a decision that does not allow. DETAIL is the decision as JSON. MESSAGE is its sentence; inside a request of Hasura, which drops DETAIL, the sentence is followed by a space and {"usageDecision": ...}, unless the setting usage.decision_in_message is off. Every refusal of a statement comes from here.';

revoke execute on function usage.refuse(jsonb) from public;
