select analytics.ensure_month(now()), analytics.ensure_month(now() + interval '1 month');
