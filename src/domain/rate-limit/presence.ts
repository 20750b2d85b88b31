/** Who asked last in a group, and until when it counts as shared by several. */
export interface Presence {
  actor: string;
  seenMs: number;
  sharedUntilMs: number;
}

/**
 * Notes that an actor asks, refused or not: whoever is kept out by a neighbour that takes everything makes the group shared
 * just by trying, and so gets in. Returns whether the group is shared now.
 */
export const noteActor = (
  presences: Map<string, Presence>,
  group: string,
  actor: string,
  nowMs: number,
  windowMs: number,
): boolean => {
  const presence = presences.get(group);
  if (presence === undefined) {
    presences.set(group, { actor, seenMs: nowMs, sharedUntilMs: nowMs });
    return false;
  }
  if (presence.actor !== actor && nowMs - presence.seenMs < windowMs)
    presence.sharedUntilMs = nowMs + windowMs;
  presence.actor = actor;
  presence.seenMs = nowMs;
  return nowMs < presence.sharedUntilMs;
};
