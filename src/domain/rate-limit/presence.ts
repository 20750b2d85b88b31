/** Who asked last in a scope, and until when it counts as shared by several. */
export interface Presence {
  actor: string;
  seenMs: number;
  sharedUntilMs: number;
}

/**
 * Notes that an actor asks, refused or not: whoever is kept out by a neighbour that takes everything makes the scope shared
 * just by trying, and so gets in. Returns whether the scope is shared now.
 */
export const noteActor = (
  presences: Map<string, Presence>,
  scope: string,
  actor: string,
  nowMs: number,
  windowMs: number,
): boolean => {
  const presence = presences.get(scope);
  if (presence === undefined) {
    presences.set(scope, { actor, seenMs: nowMs, sharedUntilMs: nowMs });
    return false;
  }
  if (presence.actor !== actor && nowMs - presence.seenMs < windowMs)
    presence.sharedUntilMs = nowMs + windowMs;
  presence.actor = actor;
  presence.seenMs = nowMs;
  return nowMs < presence.sharedUntilMs;
};
