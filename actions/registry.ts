import { type ActionHandler, type CronHandler, type EventHandler } from "./handler.ts";
import { amendUsage } from "./handlers/actions/amendUsage.ts";
import { checkUsage } from "./handlers/actions/checkUsage.ts";
import { commitUsage } from "./handlers/actions/commitUsage.ts";
import { consumeUsage } from "./handlers/actions/consumeUsage.ts";
import { createApiKey } from "./handlers/actions/createApiKey.ts";
import { createWebhook } from "./handlers/actions/createWebhook.ts";
import { consumeUsages } from "./handlers/actions/consumeUsages.ts";
import { extendReservation } from "./handlers/actions/extendReservation.ts";
import { getCurrentUsage } from "./handlers/actions/getCurrentUsage.ts";
import { releaseUsage } from "./handlers/actions/releaseUsage.ts";
import { reserveUsage } from "./handlers/actions/reserveUsage.ts";
import { resendWebhook } from "./handlers/actions/resendWebhook.ts";
import { revokeApiKey } from "./handlers/actions/revokeApiKey.ts";
import { rotateWebhookSecret } from "./handlers/actions/rotateWebhookSecret.ts";
import { reserveUsages } from "./handlers/actions/reserveUsages.ts";
import { suggestUpgrade } from "./handlers/actions/suggestUpgrade.ts";
import { testWebhook } from "./handlers/actions/testWebhook.ts";
import { trackEvents } from "./handlers/actions/trackEvents.ts";
import { analytics_apply_retention } from "./handlers/cron/analytics_apply_retention.ts";
import { analytics_make_months } from "./handlers/cron/analytics_make_months.ts";
import { analytics_roll_activity } from "./handlers/cron/analytics_roll_activity.ts";
import { voidUsage } from "./handlers/actions/voidUsage.ts";
import { usage_expire_reservations } from "./handlers/cron/usage_expire_reservations.ts";
import { usage_note_alerts } from "./handlers/cron/usage_note_alerts.ts";
import { usage_prune_api_calls } from "./handlers/cron/usage_prune_api_calls.ts";
import { usage_prune_ledger } from "./handlers/cron/usage_prune_ledger.ts";
import { usage_reconcile } from "./handlers/cron/usage_reconcile.ts";
import { usage_alert_raised } from "./handlers/events/usage_alert_raised.ts";

/** Every name of the metadata and its handler; a test compares both sides. */
export interface Registry {
  readonly actions: Readonly<Record<string, ActionHandler<unknown>>>;
  readonly cron: Readonly<Record<string, CronHandler>>;
  readonly events: Readonly<Record<string, EventHandler<unknown>>>;
}

export const registry: Registry = {
  actions: {
    amendUsage,
    checkUsage,
    commitUsage,
    consumeUsage,
    consumeUsages,
    extendReservation,
    createApiKey,
    createWebhook,
    getCurrentUsage,
    releaseUsage,
    resendWebhook,
    reserveUsage,
    reserveUsages,
    revokeApiKey,
    rotateWebhookSecret,
    suggestUpgrade,
    testWebhook,
    trackEvents,
    voidUsage,
  },
  cron: {
    analytics_apply_retention,
    analytics_make_months,
    analytics_roll_activity,
    usage_expire_reservations,
    usage_note_alerts,
    usage_prune_api_calls,
    usage_prune_ledger,
    usage_reconcile,
  },
  events: { usage_alert_raised },
};
