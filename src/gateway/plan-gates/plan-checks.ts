import { type Standing, type WayOut } from "../../domain/plans/index.ts";
import { type AskedGate, noWorkspace } from "./run-gate.ts";
import { type RequestStandings } from "./standing-of-request.ts";
import { type GateName, type Refusal, type RefusalDetails } from "./types.ts";

type Judge = (asked: AskedGate) => Promise<Refusal | null>;

interface Lack {
  readonly gate: GateName;
  readonly standing: Standing;
  readonly way: WayOut;
  /** Code of a name that nobody defined. */
  readonly unknown: string;
  readonly what: string;
  readonly details: RefusalDetails;
}

const lacking = ({ gate, standing, way, unknown, what, details }: Lack): Refusal => {
  const { id, name } = standing.plan;
  const [code, reason] = !way.known
    ? [unknown, `There is no such ${gate}: ${what}.`]
    : way.lapsed
      ? ["plan-required", `${what} needs a live subscription; the last one is paused, cancelled or over.`]
      : ["feature-not-in-plan", `${what} is not part of the plan ${name}.`];
  return {
    gate,
    status: 403,
    code,
    reason,
    currentPlan: { id, name },
    upgrade: way.known ? way.upgrade : null,
    retryAfterSeconds: null,
    details,
  };
};

/** Lets a workspace through whose plan has the feature. */
export const judgeFeature =
  (standings: RequestStandings, feature: string): Judge =>
  async ({ request, workspaceId }) => {
    const standing = await standings.read(request, workspaceId);
    if (standing === null) return noWorkspace("feature");
    if (standing.features.has(feature)) return null;
    const way = await standings.wayOut(workspaceId, { kind: "feature", feature });
    const details = { kind: "feature", feature } as const;
    return lacking({ gate: "feature", standing, way, unknown: "unknown-feature", what: feature, details });
  };

/** Lets a workspace through whose plan has the rank of the named one, or a higher. */
export const judgeMinimumPlan =
  (standings: RequestStandings, planId: string): Judge =>
  async ({ request, workspaceId }) => {
    const standing = await standings.read(request, workspaceId);
    if (standing === null) return noWorkspace("plan");
    const rank = standing.ranks.get(planId);
    if (rank !== undefined && standing.plan.rank >= rank) return null;
    const way = await standings.wayOut(workspaceId, { kind: "plan", planId });
    const details = { kind: "plan", requiredPlan: planId } as const;
    const refusal = lacking({ gate: "plan", standing, way, unknown: "unknown-plan", what: planId, details });
    if (!way.known) return refusal;
    return { ...refusal, code: "plan-required", reason: `This needs the plan ${planId} or a higher one.` };
  };
