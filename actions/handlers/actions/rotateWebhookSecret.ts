import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { addSecret, findEndpoint } from "../../webhooks.ts";

export const rotateWebhookSecret = defineAction({
  input: z.strictObject({ endpointId: z.uuid() }),
  run: ({ endpointId }, session, { database }) =>
    database.transaction(async (tx) => {
      const endpoint = await findEndpoint(tx, session, endpointId);
      return { endpointId: endpoint.id, ...(await addSecret(tx, endpoint.id)) };
    }),
});
