import { z } from "zod";

import { type Logger, requestIdOf } from "../../core/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { parseJson, type Raw } from "../json/index.ts";
import type { ActionMeta } from "../metadata/types.ts";
import { applyRequestTransform, applyResponseTransform } from "../transforms/index.ts";
import { configuredHeaders, fillTemplate, type Environment } from "./environment.ts";
import { forwardedHeaders, requestIdHeaders } from "./forward-headers.ts";
import { sendRequest, userAgent, type WebhookAnswer, type WebhookClient } from "./webhook.ts";

export interface ActionCall {
  readonly action: ActionMeta;
  /** The arguments as JSON text, so that long numbers arrive as they were sent. */
  readonly inputJson: string;
  readonly session: Pick<Session, "variables">;
  readonly clientHeaders: HeaderMap;
  /** The document as the client sent it; null when nobody waits for the answer. */
  readonly requestQuery: string | null;
}

export interface ActionAnswer {
  readonly value: Raw;
  readonly setCookies: readonly string[];
}

export interface ActionCallerDeps {
  readonly client: WebhookClient;
  readonly environment: Environment;
  readonly logger: Logger;
}

export type CallAction = (call: ActionCall) => Promise<ActionAnswer>;

const unexpected = (message: string, internal?: unknown, cause?: unknown): HasuraError =>
  new HasuraError({ message, code: "unexpected", internal, cause });

const refusalSchema = z.object({
  message: z.string(),
  code: z.string().optional(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
});

const parseBody = (text: string, internal: unknown): Raw => {
  try {
    return parseJson(text);
  } catch (error) {
    throw unexpected("not a valid json response from webhook", internal, error);
  }
};

const refusal = (body: Raw, internal: unknown): HasuraError => {
  const parsed = refusalSchema.safeParse(body);
  if (!parsed.success) return unexpected("expecting object with 'message' in the webhook response", internal);
  const { message, code, extensions } = parsed.data;
  // What a webhook refuses is its own answer: an administrator is told nothing beyond it.
  return new HasuraError({
    message,
    code: code ?? "unexpected",
    ...(extensions === undefined || extensions === null ? {} : { extensions }),
  });
};

/** Calls a synchronous action's webhook and turns its answer into a value or the error that the client sees. */
export const createActionCaller =
  (deps: ActionCallerDeps): CallAction =>
  async ({ action, inputJson, session, clientHeaders, requestQuery }) => {
    const original = {
      method: "POST",
      url: fillTemplate(action.handler, deps.environment),
      headers: {
        ...requestIdHeaders(clientHeaders),
        ...configuredHeaders(action.headers, deps.environment),
        // Hasura's default precedence: what the client sent stands above what is configured.
        ...(action.forwardClientHeaders ? forwardedHeaders(clientHeaders, action.ignoredClientHeaders) : {}),
        "content-type": "application/json",
        "user-agent": userAgent,
      },
      body:
        `{"action":${JSON.stringify({ name: action.name })},"input":${inputJson},` +
        `"session_variables":${JSON.stringify(session.variables)},"request_query":${JSON.stringify(requestQuery)}}`,
    };
    const outgoing = applyRequestTransform(action.requestTransform, original, session.variables);
    const request = { url: original.url, body: original.body };
    let answer: WebhookAnswer;
    try {
      answer = await sendRequest(deps.client, outgoing, {
        timeoutSeconds: action.timeoutSeconds,
        what: `action ${action.name}`,
      });
    } catch (error) {
      deps.logger.warn(
        { action: action.name, error, requestId: requestIdOf(clientHeaders) },
        "the webhook of an action could not be reached",
      );
      throw unexpected("http exception when calling webhook", { request }, error);
    }
    const text = applyResponseTransform(action.responseTransform, answer, outgoing, session.variables);
    const internal = {
      error: "unexpected response",
      request,
      response: { status: answer.status, body: answer.text },
    };
    const value = parseBody(text, internal);
    if (answer.status >= 200 && answer.status < 300)
      return { value, setCookies: answer.headers.getSetCookie() };
    if (answer.status >= 400 && answer.status < 500) throw refusal(value, internal);
    deps.logger.warn(
      { action: action.name, status: answer.status, requestId: requestIdOf(clientHeaders) },
      "the webhook of an action failed",
    );
    throw unexpected("internal error", internal);
  };
