import { z } from "zod";
import { AppError } from "../../../src/core/index.ts";
import {
  advise,
  type OfferedPlan,
  type PressingMetric,
  readForecastData,
} from "../../../src/domain/limits/index.ts";
import { type UpgradeOffer, type UpgradeSuggestion } from "../../generated/types.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";

const offer = (plan: OfferedPlan | null): UpgradeOffer | null =>
  plan === null ? null : { planId: plan.planId, name: plan.name, priceCents: plan.priceCents };

const pressed = (metric: PressingMetric): UpgradeSuggestion["pressing"][number] => ({
  metric: metric.metric,
  reason: metric.reason,
  used: Number(metric.used),
  reserved: Number(metric.reserved),
  limit: Number(metric.limit),
  projected: Number(metric.projected),
  fullAt: metric.fullAtMs === null ? null : new Date(metric.fullAtMs).toISOString(),
});

export const suggestUpgrade = defineAction({
  input: z.strictObject(workspaceInput),
  run: async ({ workspaceId }, session, { database }): Promise<UpgradeSuggestion> => {
    assertWorkspace(session, workspaceId);
    const data = await readForecastData(database, workspaceId);
    if (data === null) {
      throw new AppError({
        kind: "forbidden",
        code: "workspace-forbidden",
        message: "this session may not act for that workspace",
      });
    }
    const advice = advise(data);
    return {
      workspaceId,
      currentPlanId: data.plan.planId,
      metrics: advice.pressing.map(({ metric }) => metric),
      recommendation: advice.recommendation,
      why: advice.why,
      pressing: advice.pressing.map(pressed),
      upgrade: offer(advice.upgrade),
      addOns: advice.addOns,
      downgrade: offer(advice.downgrade),
    };
  },
});
