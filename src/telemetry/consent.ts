import { type Consent, type ConsentCategory, type ConsentChoice } from "./types.ts";

const categories = ["analytics", "functional", "marketing"] as const;

export const undecided = (version: string): Consent => ({
  granted: { essential: true, analytics: false, functional: false, marketing: false },
  decidedAt: null,
  version,
});

/** A choice on top of an earlier one; what it does not name stays as it was. */
export const decide = (consent: Consent, choice: ConsentChoice, version: string, now: number): Consent => ({
  granted: {
    essential: true,
    analytics: choice.analytics ?? consent.granted.analytics,
    functional: choice.functional ?? consent.granted.functional,
    marketing: choice.marketing ?? consent.granted.marketing,
  },
  decidedAt: now,
  version,
});

/** Nothing may be kept or sent before a choice, and after it only what was agreed to. */
export const allows = (consent: Consent, purpose: ConsentCategory): boolean =>
  consent.decidedAt !== null && consent.granted[purpose];

/** What was stored, if it is one, and about this text: agreement to another text is none to this one. */
export const readConsent = (stored: unknown, version: string): Consent => {
  const none = undecided(version);
  if (typeof stored !== "object" || stored === null) return none;
  const { granted, decidedAt, version: about } = stored as Partial<Consent>;
  if (about !== version || typeof decidedAt !== "number" || typeof granted !== "object" || granted === null) {
    return none;
  }
  const choice = Object.fromEntries(categories.map((name) => [name, granted[name] === true]));
  return decide(none, choice, version, decidedAt);
};
