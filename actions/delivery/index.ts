/** Alerts on their way out: signed webhooks and e-mails, from queues in Postgres. */
export { type AddressPolicy, isPublicAddress, type Refusal, refuseUrl } from "./address-policy.ts";
export {
  createDelivery,
  type Delivery,
  type DeliveryDeps,
  type DeliveryWorkers,
  idleDelivery,
} from "./create-delivery.ts";
export { type AlertQueue, createAlertQueue } from "./alert-queue.ts";
export { type AlertOfEmail, composeEmail } from "./email-message.ts";
export { readRetryAfter, retryDelay, retryDelaysMs } from "./retry-schedule.ts";
export { deliveryEnv, type DeliverySettings, readDeliverySettings } from "./settings.ts";
export { newSecret, signedHeaders } from "./signature.ts";
