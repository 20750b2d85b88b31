import { Gauge, type Registry } from "prom-client";
import { type Clock, type Logger, type Queryable } from "../core/index.ts";

export interface DatabaseMetricsDeps {
  readonly registry: Registry;
  readonly database: Queryable;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Several scrapers, or one in a hurry, cost the database one look in so long. */
const keptForMs = 5_000;

interface Lags {
  readonly leases: number;
  readonly leased_units: string;
  readonly reservations: number;
  readonly webhooks: number;
  readonly webhook_lag: number;
  readonly emails: number;
  readonly email_lag: number;
  readonly drifts: number;
  readonly drift: string;
  readonly sessions: number;
}

const lagsSql = `
select
  held.leases,
  held.leased_units::text as leased_units,
  held.reservations,
  webhook.waiting as webhooks,
  webhook.lag as webhook_lag,
  email.waiting as emails,
  email.lag as email_lag,
  drifted.drifts,
  drifted.drift::text as drift,
  (
    select count(*)::integer
    from pg_stat_activity as session
    where session.datname = current_database()
  ) as sessions
from (
  select
    count(*) filter (where reservation.lease_holder is not null)::integer as leases,
    coalesce(sum(reservation.amount) filter (where reservation.lease_holder is not null), 0) as leased_units,
    count(*) filter (where reservation.lease_holder is null)::integer as reservations
  from usage.reservations as reservation
  where reservation.status = 'held'
    and reservation.expires_at > now()
) as held
cross join (
  select
    count(*)::integer as waiting,
    coalesce(extract(epoch from now() - min(delivery.next_attempt_at)), 0)::double precision as lag
  from usage.webhook_deliveries as delivery
  where delivery.status = 'pending'
    and delivery.next_attempt_at <= now()
) as webhook
cross join (
  select
    count(*)::integer as waiting,
    coalesce(extract(epoch from now() - min(email.next_attempt_at)), 0)::double precision as lag
  from usage.alert_emails as email
  where email.status = 'pending'
    and email.next_attempt_at <= now()
) as email
cross join (
  select
    count(*)::integer as drifts,
    coalesce(sum(abs(found.drift)), 0) as drift
  from usage.reconciliations as found
  where found.created_at > now() - interval '1 day'
) as drifted
`;

const eventsSql = `
select
  coalesce(waiting.trigger, installed.trigger) as trigger,
  coalesce(waiting.count, 0) as waiting,
  coalesce(waiting.lag, 0) as lag
from (
  select
    event.trigger_name as trigger,
    count(*)::integer as count,
    greatest(extract(epoch from (now() at time zone 'UTC') - min(event.created_at)), 0)::double precision as lag
  from hdb_catalog.event_log as event
  where event.delivered = false
    and event.error = false
    and event.archived = false
  group by event.trigger_name
) as waiting
-- A figure that is there only while something waits cannot be told from one that is not collected.
full join (
  select distinct substring(installed.tgname from '^notify_hasura_(.+)_(?:INSERT|UPDATE|DELETE)$') as trigger
  from pg_trigger as installed
  where installed.tgname like 'notify\\_hasura\\_%'
) as installed on installed.trigger = waiting.trigger
where coalesce(waiting.trigger, installed.trigger) is not null
order by 1
limit 100
`;

const cronSql = `
select
  event.trigger_name as trigger,
  count(*) filter (where event.scheduled_time <= now())::integer as waiting,
  greatest(extract(epoch from now() - min(event.scheduled_time)), 0)::double precision as lag
from hdb_catalog.hdb_cron_events as event
where event.status in ('scheduled', 'locked')
group by event.trigger_name
order by event.trigger_name
limit 100
`;

interface TriggerLag {
  readonly trigger: string;
  readonly waiting: number;
  readonly lag: number;
}

/** What is waiting, held or wrong in the database, looked up when somebody scrapes. */
export const collectDatabaseMetrics = ({ registry, database, clock, logger }: DatabaseMetricsDeps): void => {
  const gauge = (name: string, help: string, labelNames: readonly string[] = []): Gauge =>
    new Gauge({
      name: `hasura_usage_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      // They are collected in any order, so each waits for the same look.
      collect: async () => void (await refresh()),
    });

  const figures = {
    leases: gauge("leases", "Leases that processes hold at present."),
    leasedUnits: gauge("leased_units", "Units that leases keep free for their next draw."),
    reservations: gauge("reservations_held", "Reservations that are held at present, without leases."),
    webhooks: gauge("webhooks_due", "Webhook deliveries that are due and not done."),
    webhookLag: gauge("webhook_lag_seconds", "For how long the first of them is due."),
    emails: gauge("emails_due", "E-mails that are due and not done."),
    emailLag: gauge("email_lag_seconds", "For how long the first of them is due."),
    drifts: gauge("counter_drifts", "Counters that reconciliation found to differ in the last day."),
    drift: gauge("counter_drift_units", "By how much, in units, regardless of the direction."),
    sessions: gauge("database_sessions", "Sessions of the database, of all processes."),
  };
  const events = gauge("events_waiting", "Events of event triggers that are not delivered.", ["trigger"]);
  const eventLag = gauge("event_lag_seconds", "Age of the first of them.", ["trigger"]);
  const cron = gauge("cron_waiting", "Cron events that are due and not delivered.", ["trigger"]);
  const cronLag = gauge("cron_lag_seconds", "For how long the first of them is due.", ["trigger"]);

  const readTriggers = async (sql: string, waiting: Gauge, lag: Gauge): Promise<void> => {
    const rows = await database.query<TriggerLag>(sql);
    waiting.reset();
    lag.reset();
    for (const row of rows) {
      waiting.set({ trigger: row.trigger }, row.waiting);
      lag.set({ trigger: row.trigger }, row.lag);
    }
  };

  const read = async (): Promise<void> => {
    const [row] = await database.query<Lags>(lagsSql);
    if (row === undefined) return;
    figures.leases.set(row.leases);
    figures.leasedUnits.set(Number(row.leased_units));
    figures.reservations.set(row.reservations);
    figures.webhooks.set(row.webhooks);
    figures.webhookLag.set(row.webhook_lag);
    figures.emails.set(row.emails);
    figures.emailLag.set(row.email_lag);
    figures.drifts.set(row.drifts);
    figures.drift.set(Number(row.drift));
    figures.sessions.set(row.sessions);
    const [catalog] = await database.query<{ readonly present: boolean }>(
      "select to_regclass('hdb_catalog.event_log') is not null as present",
    );
    if (catalog?.present !== true) return;
    await readTriggers(eventsSql, events, eventLag);
    await readTriggers(cronSql, cron, cronLag);
  };

  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<boolean> | undefined;
  const refresh = (): Promise<boolean> => {
    const nowMs = clock.now().getTime();
    if (reading !== undefined && nowMs - readAtMs < keptForMs) return reading;
    readAtMs = nowMs;
    reading = read().then(
      () => true,
      (error: unknown) => {
        logger.warn({ err: error }, "the figures of the database could not be read");
        // The last ones would look like the present ones.
        for (const figure of Object.values(figures)) figure.set(Number.NaN);
        for (const figure of [events, eventLag, cron, cronLag]) figure.reset();
        return false;
      },
    );
    return reading;
  };

  new Gauge({
    name: "hasura_usage_database_up",
    help: "Whether the database answered the scrape; without it there are no figures from it.",
    registers: [registry],
    async collect() {
      this.set((await refresh()) ? 1 : 0);
    },
  });
};
