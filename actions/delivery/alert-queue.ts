import { type Clock, createCombiner, type Database, type QueueMeter } from "../../src/core/index.ts";

const raised = "jsonb_to_recordset($1::jsonb) as raised (event_id text, alert_id uuid)";

const queueWebhooks = `
insert into usage.webhook_deliveries (workspace_id, endpoint_id, event_id, event_type, payload)
select
  alert.workspace_id,
  endpoint.id,
  raised.event_id,
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
from ${raised}
join usage.alerts as alert on alert.id = raised.alert_id
join usage.metrics as metric on metric.key = alert.metric
join usage.webhook_endpoints as endpoint
  on endpoint.workspace_id = alert.workspace_id
  and endpoint.enabled
  and endpoint.event_types ? ('alert.' || alert.kind)
  and endpoint.created_at <= alert.created_at
order by endpoint.id, raised.event_id
on conflict on constraint webhook_deliveries_once do nothing
returning event_id as owner
`;

const queueEmails = `
insert into usage.alert_emails (alert_id, address)
select distinct alert.id, address
from ${raised}
join usage.alerts as alert on alert.id = raised.alert_id
cross join lateral usage.alert_recipients(alert.workspace_id) as address
order by alert.id, address
on conflict on constraint alert_emails_once do nothing
returning alert_id as owner
`;

export interface RaisedAlert {
  readonly eventId: string;
  readonly alertId: string;
}

export interface QueuedAlert {
  readonly webhooks: number;
  readonly emails: number;
}

export interface AlertQueueDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly sendsEmail: boolean;
  readonly meter?: QueueMeter | undefined;
}

/** Answers with what was added, after the commit. */
export type AlertQueue = (alert: RaisedAlert) => Promise<QueuedAlert>;

/**
 * Puts alerts into the queues of webhooks and e-mails. Those that come while others are written go together: a burst is paid by
 * its commits. The rows are keyed by the event's id and by alert and address, so an event that comes twice adds nothing; what
 * is sent is read from the alert itself. An endpoint gets what happened after it was made.
 */
export const createAlertQueue = ({ database, clock, sendsEmail, meter }: AlertQueueDeps): AlertQueue => {
  const combiner = createCombiner<RaisedAlert, QueuedAlert>({
    what: "alerts",
    meter,
    laneOf: () => "all",
    clock,
    limits: { maxCalls: 1 },
    call: async (alerts) => {
      const values = [
        JSON.stringify(alerts.map(({ eventId, alertId }) => ({ event_id: eventId, alert_id: alertId }))),
      ];
      const added = [new Map<string, number>(), new Map<string, number>()];
      await database.batch(
        [
          { text: queueWebhooks, values, name: "alerts_queue_webhooks" },
          ...(sendsEmail ? [{ text: queueEmails, values, name: "alerts_queue_emails" }] : []),
        ],
        (index, rows) => {
          const counts = new Map<string, number>();
          for (const { owner } of rows) counts.set(String(owner), (counts.get(String(owner)) ?? 0) + 1);
          added[index] = counts;
        },
      );
      return alerts.map(({ eventId, alertId }) => ({
        webhooks: added[0]?.get(eventId) ?? 0,
        emails: added[1]?.get(alertId) ?? 0,
      }));
    },
  });
  return (alert) => combiner.ask(alert);
};
