import type { Plan } from "./types.ts";

/** A price as people read it: never "Free" or "$0" for a plan whose price is on request. */
export const formatPrice = ({
  priceCents,
  priceOnRequest,
}: Pick<Plan, "priceCents" | "priceOnRequest">): string => {
  if (priceOnRequest) return "Custom";
  if (priceCents === 0) return "Free";
  const cents = priceCents % 100;
  const dollars = Math.trunc(priceCents / 100).toLocaleString("en-US");
  return cents === 0 ? `$${dollars}` : `$${dollars}.${String(cents).padStart(2, "0")}`;
};

/** What paying by the year saves, in cents. */
export const yearlySavingCents = ({
  priceCents,
  yearlyPriceCents,
}: Pick<Plan, "priceCents" | "yearlyPriceCents">): number => Math.max(0, priceCents * 12 - yearlyPriceCents);
