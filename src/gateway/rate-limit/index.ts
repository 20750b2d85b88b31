/** The plan's rate limit at the door: who is limited by what, the headers that say so, and the store for several gateways. */
export { createRateLimitStage, type RateLimitStageDeps } from "./rate-limit-stage.ts";
export { createRedisStore, type RedisStore, type RedisStoreDeps } from "./redis-store.ts";
