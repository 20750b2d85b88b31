/** What stands between a request and its answer. */
export const gatewayVariants = [
  "none",
  "none again",
  "metering",
  "rate-limit",
  "all",
  "all-redis",
  "express-rate-limit",
  "flexible-memory",
  "flexible-redis",
] as const;
export type GatewayVariant = (typeof gatewayVariants)[number];

/** Says whom a request belongs to: checking tokens is the same for all and not measured here. */
export const workspaceHeader = "x-bench-workspace";
/** Never reached. */
export const benchLimit = 1_000_000_000;
