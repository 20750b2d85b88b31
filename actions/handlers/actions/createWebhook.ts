import { z } from "zod";
import { AppError } from "../../../src/core/index.ts";
import { refuseUrl } from "../../delivery/index.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";
import { addSecret, urlRefusals } from "../../webhooks.ts";

/** Each alert is sent to every one of them. */
const endpointsAtMost = 20;

const eventTypes = z.array(z.enum(["alert.crossed", "alert.recovered"])).min(1);

export const createWebhook = defineAction({
  input: z.strictObject({
    ...workspaceInput,
    url: z.string(),
    description: z.string().max(255).nullish(),
    eventTypes: eventTypes.max(2).nullish(),
  }),
  run: async ({ workspaceId, url, description, eventTypes: wanted }, session, { database, delivery }) => {
    assertWorkspace(session, workspaceId);
    const refusal = refuseUrl(url, delivery.policy);
    if (refusal !== null) {
      throw new AppError({
        kind: "invalid-input",
        code: "webhook-url-not-allowed",
        message: urlRefusals[refusal],
      });
    }
    return database.transaction(async (tx) => {
      const workspaces = await tx.query("select id from public.workspaces where id = $1 for no key update", [
        workspaceId,
      ]);
      if (workspaces.length === 0) {
        throw new AppError({
          kind: "forbidden",
          code: "workspace-forbidden",
          message: "this session may not act for that workspace",
        });
      }
      // A statement behind the lock: only so it sees what was inserted while it waited.
      const [held] = await tx.query<{ endpoints: number }>(
        "select count(*)::integer as endpoints from usage.webhook_endpoints where workspace_id = $1",
        [workspaceId],
      );
      if ((held?.endpoints ?? 0) >= endpointsAtMost) {
        throw new AppError({
          kind: "conflict",
          code: "webhook-limit-reached",
          message: `a workspace may have ${String(endpointsAtMost)} webhook endpoints`,
        });
      }
      const [endpoint] = await tx.query<{ id: string }>(
        `insert into usage.webhook_endpoints (workspace_id, url, description, event_types)
         values ($1, $2, $3, coalesce($4::jsonb, '["alert.crossed", "alert.recovered"]'))
         returning id`,
        [
          workspaceId,
          new URL(url).href,
          description ?? "",
          wanted === null || wanted === undefined ? null : JSON.stringify([...new Set(wanted)]),
        ],
      );
      if (endpoint === undefined) throw new Error("the endpoint was not inserted");
      return { endpointId: endpoint.id, ...(await addSecret(tx, endpoint.id)) };
    });
  },
});
