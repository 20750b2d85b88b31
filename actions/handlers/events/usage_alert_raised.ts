import { z } from "zod";
import { type BatchStatement } from "../../../src/core/index.ts";
import { defineEvent } from "../../handler.ts";

const queueWebhooks = `
insert into usage.webhook_deliveries (workspace_id, endpoint_id, event_id, event_type, payload)
select
  alert.workspace_id,
  endpoint.id,
  $1,
  'alert.' || alert.kind,
  json_build_object(
    'type', 'alert.' || alert.kind,
    'timestamp', to_char(alert.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'data', json_build_object(
      'alertId', alert.id,
      'workspaceId', alert.workspace_id,
      'metric', alert.metric,
      'unit', metric.unit,
      'thresholdPercent', alert.threshold_percent,
      'thresholdValue', alert.threshold_value,
      'used', alert.used,
      'limit', alert.limit_value,
      'periodStart', to_char(alert.period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    )
  )::text
from usage.alerts as alert
join usage.metrics as metric on metric.key = alert.metric
join usage.webhook_endpoints as endpoint
  on endpoint.workspace_id = alert.workspace_id
  and endpoint.enabled
  and endpoint.event_types ? ('alert.' || alert.kind)
  and endpoint.created_at <= alert.created_at
where alert.id = $2
order by endpoint.id
on conflict on constraint webhook_deliveries_once do nothing
returning id
`;

const queueEmails = `
insert into usage.alert_emails (alert_id, address)
select distinct alert.id, address
from usage.alerts as alert
cross join lateral usage.alert_recipients(alert.workspace_id) as address
where alert.id = $1
order by address
on conflict on constraint alert_emails_once do nothing
returning id
`;

/**
 * Puts an alert into the queues, by one round trip. The rows are keyed by the event's id and by alert and address, so an event that
 * comes twice adds nothing; what is sent is read from the alert itself. An endpoint gets what happened after it was made.
 */
export const usage_alert_raised = defineEvent({
  row: z.object({ id: z.uuid() }),
  run: async ({ eventId, row }, { database, delivery }) => {
    const statements: readonly BatchStatement[] = [
      { text: queueWebhooks, values: [eventId, row.id], name: "alerts_queue_webhooks" },
      ...(delivery.sendsEmail ? [{ text: queueEmails, values: [row.id], name: "alerts_queue_emails" }] : []),
    ];
    const queued = [0, 0];
    await database.batch(statements, (index, rows) => {
      queued[index] = rows.length;
    });
    delivery.wake();
    return { webhooks: queued[0] ?? 0, emails: queued[1] ?? 0 };
  },
});
