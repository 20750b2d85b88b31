-- What a project begins with. Plans, limits and prices are yours: change them in migrations of your own.
insert into billing.plans (id, name, description, rank, rate_limit_per_minute)
values ('free', 'Free', 'The plan of a workspace without a subscription', 0, 100)
on conflict (id) do nothing;

-- Metrics that the product feeds by itself. Null is unlimited; 0 is not included: give a limit to what your plan sells.
insert into billing.plan_limits (plan_id, metric, limit_value)
values
  ('free', 'api_calls', null),
  ('free', 'ai_queries', 0),
  ('free', 'ai_seconds', 0),
  ('free', 'ai_cost_micro_usd', 0)
on conflict (plan_id, metric) do nothing;
