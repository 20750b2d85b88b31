import { type Database } from "../../src/core/index.ts";
import { type AlertOfEmail } from "./email-message.ts";

export interface DueEmail extends AlertOfEmail {
  readonly id: string;
  readonly address: string;
  readonly attempt: number;
}

export interface EmailStore {
  claim(limit: number, leaseMs: number): Promise<readonly DueEmail[]>;
  sent(email: DueEmail): Promise<void>;
  /** Null gives up. */
  retry(email: DueEmail, error: string, delayMs: number | null): Promise<void>;
  release(ids: readonly string[]): Promise<void>;
}

/** The queue in `usage.alert_emails`; claims are leases as those of webhooks. */
export const createEmailStore = (database: Database): EmailStore => ({
  claim: (limit, leaseMs) =>
    database.query<DueEmail>(
      `with due as (
         select waiting.id
         from usage.alert_emails as waiting
         where waiting.status = 'pending'
           and waiting.next_attempt_at <= now()
           and waiting.claimed_until <= now()
         order by waiting.next_attempt_at
         limit $1
         for no key update skip locked
       )
       update usage.alert_emails as claimed
       set claimed_until = now() + $2 * interval '1 millisecond',
         attempts = claimed.attempts + 1
       from due, usage.alerts as alert, usage.metrics as metric, public.workspaces as workspace
       where claimed.id = due.id
         and alert.id = claimed.alert_id
         and metric.key = alert.metric
         and workspace.id = alert.workspace_id
       returning
         claimed.id,
         claimed.attempts as attempt,
         claimed.address,
         alert.kind,
         workspace.name as "workspaceName",
         metric.title as "metricTitle",
         metric.unit,
         alert.threshold_percent as "thresholdPercent",
         alert.threshold_value as "thresholdValue",
         alert.used,
         alert.limit_value as "limit",
         alert.created_at as at`,
      [limit, leaseMs],
    ),

  sent: async (email) => {
    await database.query(
      `update usage.alert_emails
       set status = 'sent',
         next_attempt_at = null,
         error = null,
         sent_at = now()
       where id = $1`,
      [email.id],
    );
  },

  retry: async (email, error, delayMs) => {
    await database.query(
      `update usage.alert_emails
       set status = case when $4::bigint is null then 'failed' else 'pending' end,
         next_attempt_at = now() + $4::bigint * interval '1 millisecond',
         claimed_until = '-infinity',
         error = $3
       where id = $1
         and status = 'pending'
         and attempts = $2`,
      [email.id, email.attempt, error, delayMs],
    );
  },

  release: async (ids) => {
    await database.query(
      "update usage.alert_emails set claimed_until = '-infinity' where id = any($1) and status = 'pending'",
      [ids],
    );
  },
});
