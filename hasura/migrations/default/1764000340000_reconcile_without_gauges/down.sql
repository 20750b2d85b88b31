do $do$
declare
  definition text := pg_get_functiondef('usage.reconcile(uuid, boolean)'::regprocedure);
  new_text constant text := 'select null::uuid, null::text, null::bigint, null::boolean where false';
  old_text constant text := 'select null::uuid as workspace_id, null::text as metric, null::bigint as amount, null::boolean as refused where false';
begin
  if position(old_text in definition) = 0 then
    raise exception 'usage.reconcile does not hold %', old_text;
  end if;
  execute replace(definition, old_text, new_text);
end
$do$;
