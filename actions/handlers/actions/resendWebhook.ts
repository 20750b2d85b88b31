import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { findEndpoint, webhookDisabled, webhookNotFound, workspaceOf } from "../../webhooks.ts";

interface Sent {
  readonly endpointId: string;
  readonly eventId: string;
}

/** Sends the same bytes under the same id again, now, with a whole schedule of retries before it. */
export const resendWebhook = defineAction({
  input: z.strictObject({ deliveryId: z.uuid() }),
  run: async ({ deliveryId }, session, { database, delivery }) => {
    const receipt = await database.transaction(async (tx) => {
      const [sent] = await tx.query<Sent>(
        `select endpoint_id as "endpointId", event_id as "eventId"
         from usage.webhook_deliveries
         where id = $1
           and workspace_id = coalesce($2, workspace_id)`,
        [deliveryId, workspaceOf(session)],
      );
      if (sent === undefined) throw webhookNotFound("delivery");
      if (!(await findEndpoint(tx, session, sent.endpointId)).enabled) throw webhookDisabled();
      await tx.query(
        `update usage.webhook_deliveries
         set status = 'pending',
           retries_from = attempts,
           next_attempt_at = now()
         where id = $1
           and claimed_until <= now()`,
        [deliveryId],
      );
      return { deliveryId, eventId: sent.eventId };
    });
    delivery.wake();
    return receipt;
  },
});
