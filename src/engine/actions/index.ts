/** Owns the way to webhooks: what is sent to an action, what its answer must look like and what the client sees of it. */
export { createAsyncActions, type AsyncActions } from "./async-actions.ts";
export { createActionCaller, type ActionAnswer, type ActionCall, type CallAction } from "./call-action.ts";
export { configuredHeaders, fillTemplate, type Environment } from "./environment.ts";
export { createHttpWebhook } from "./http-webhook.ts";
export { checkOutput } from "./output.ts";
export {
  createInputValidator,
  type CallInputValidation,
  type InputValidationCall,
} from "./validate-input.ts";
export {
  sendRequest,
  userAgent,
  type WebhookAnswer,
  type WebhookClient,
  type WebhookRequest,
} from "./webhook.ts";
