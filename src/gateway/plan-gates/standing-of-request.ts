import { type Request } from "express";
import { type Need, type Standing, type StandingReader, type WayOut } from "../../domain/plans/index.ts";
import { isOutage } from "./run-gate.ts";

export interface RequestStandings {
  /** Read once a request, however many gates it passes, and never kept beyond it. */
  read(request: Request, workspaceId: string): Promise<Standing | null>;
  /** For the text of a refusal: what an outage hides is left out, since a denial stays a denial. */
  currentPlan(request: Request, workspaceId: string): Promise<{ id: string; name: string } | null>;
  wayOut(workspaceId: string, need: Need): Promise<WayOut>;
}

const unknownWay: WayOut = { known: true, lapsed: false, upgrade: null };

const unlessOutage = async <T>(asked: Promise<T>, instead: T): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    if (isOutage(error)) return instead;
    throw error;
  }
};

export const createRequestStandings = (reader: StandingReader): RequestStandings => {
  const known = new WeakMap<Request, Map<string, Promise<Standing | null>>>();
  const read: RequestStandings["read"] = (request, workspaceId) => {
    const ofRequest = known.get(request) ?? new Map<string, Promise<Standing | null>>();
    known.set(request, ofRequest);
    const asked = ofRequest.get(workspaceId) ?? reader.standingOf(workspaceId);
    ofRequest.set(workspaceId, asked);
    return asked;
  };
  return {
    read,
    currentPlan: async (request, workspaceId) => {
      const standing = await unlessOutage(read(request, workspaceId), null);
      return standing === null ? null : { id: standing.plan.id, name: standing.plan.name };
    },
    wayOut: (workspaceId, need) => unlessOutage(reader.wayOut(workspaceId, need), unknownWay),
  };
};
