import { z } from "zod";

import { type Logger, requestIdOf } from "../../core/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import { HasuraError, validationFailed } from "../errors.ts";
import type { ValidateInput } from "../metadata/types.ts";
import { configuredHeaders, fillTemplate, type Environment } from "./environment.ts";
import { forwardedHeaders, requestIdHeaders } from "./forward-headers.ts";
import { sendRequest, userAgent, type WebhookAnswer, type WebhookClient } from "./webhook.ts";

export interface InputValidationCall {
  readonly validation: ValidateInput;
  /** The rows or arguments of the mutation, as JSON text of a list. */
  readonly inputJson: string;
  readonly session: Pick<Session, "variables" | "role">;
  readonly clientHeaders: HeaderMap;
}

export interface InputValidatorDeps {
  readonly client: WebhookClient;
  readonly environment: Environment;
  readonly logger: Logger;
}

/** Resolves when the webhook lets the input pass; throws what the client is told otherwise. */
export type CallInputValidation = (call: InputValidationCall) => Promise<void>;

const refusalSchema = z.object({ message: z.string() });

const unexpected = (message: string, internal?: unknown, cause?: unknown): HasuraError =>
  new HasuraError({ message, code: "unexpected", internal, cause });

const readRefusal = (text: string): string | undefined => {
  try {
    const parsed = refusalSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.message : undefined;
  } catch {
    return undefined;
  }
};

/** Asks the webhook of a permission's `validate_input`: 2xx passes, 400 refuses with its message, all else is a failure. */
export const createInputValidator =
  (deps: InputValidatorDeps): CallInputValidation =>
  async ({ validation, inputJson, session, clientHeaders }) => {
    const request = {
      method: "POST",
      url: fillTemplate(validation.url, deps.environment),
      headers: {
        ...requestIdHeaders(clientHeaders),
        ...(validation.forwardClientHeaders ? forwardedHeaders(clientHeaders) : {}),
        "content-type": "application/json",
        "user-agent": userAgent,
        // What is configured stands above what the client sent: a secret must not be overwritten.
        ...configuredHeaders(validation.headers, deps.environment),
      },
      body:
        `{"version":1,"role":${JSON.stringify(session.role)},` +
        `"session_variables":${JSON.stringify(session.variables)},"data":{"input":${inputJson}}}`,
    };
    let answer: WebhookAnswer;
    try {
      answer = await sendRequest(deps.client, request, {
        timeoutSeconds: validation.timeoutSeconds,
        what: "input validation",
      });
    } catch (error) {
      deps.logger.warn(
        { error, requestId: requestIdOf(clientHeaders) },
        "the webhook of an input validation could not be reached",
      );
      throw unexpected("http exception when validating input data", undefined, error);
    }
    if (answer.status >= 200 && answer.status < 300) return;
    const response = { status: answer.status, body: answer.text };
    if (answer.status !== 400) {
      deps.logger.warn(
        { status: answer.status, requestId: requestIdOf(clientHeaders) },
        "the webhook of an input validation failed",
      );
      throw unexpected("internal error when validating input data", { response });
    }
    const message = readRefusal(answer.text);
    if (message === undefined) {
      throw unexpected("received invalid response from input validation webhook", { response });
    }
    throw validationFailed(message);
  };
