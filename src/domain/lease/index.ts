/**
 * Units taken ahead: a process answers from memory for metrics that are marked `leased`. Owns when to draw, how much and when
 * to give back; what may be drawn is decided by `usage.draw_lease` alone.
 */
export { createLeases, type Leases, type LeasesDeps } from "./leases.ts";
export { leaseHolder } from "./holder.ts";
export { type LeaseSettings } from "./lease.ts";
export { type LeaseDecision } from "./types.ts";
