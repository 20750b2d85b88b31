import { randomUUID } from "node:crypto";
import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { findEndpoint, webhookDisabled } from "../../webhooks.ts";

export const testWebhook = defineAction({
  input: z.strictObject({ endpointId: z.uuid() }),
  run: async ({ endpointId }, session, { database, clock, delivery }) => {
    const eventId = randomUUID();
    const receipt = await database.transaction(async (tx) => {
      const endpoint = await findEndpoint(tx, session, endpointId);
      if (!endpoint.enabled) throw webhookDisabled();
      const payload = JSON.stringify({
        type: "webhook.test",
        timestamp: clock.now().toISOString(),
        data: { workspaceId: endpoint.workspaceId, endpointId: endpoint.id },
      });
      const [queued] = await tx.query<{ id: string }>(
        `insert into usage.webhook_deliveries (workspace_id, endpoint_id, event_id, event_type, payload)
         values ($1, $2, $3, 'webhook.test', $4)
         returning id`,
        [endpoint.workspaceId, endpoint.id, eventId, payload],
      );
      return { deliveryId: queued?.id, eventId };
    });
    delivery.wake();
    return receipt;
  },
});
