import { parseJson, type Raw } from "../json/index.ts";
import { type OutgoingRequest, requestContext, transformedBody } from "./request.ts";
import { failedTransform, sessionFunctions } from "./templates.ts";
import type { ResponseTransform, SessionVariables } from "./types.ts";

export interface IncomingResponse {
  readonly status: number;
  readonly text: string;
}

const bodyOf = (text: string): Raw => {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
};

/** The text of an answer as the transform makes it; refusals of a webhook pass through it as well. */
export const applyResponseTransform = (
  transform: ResponseTransform | undefined,
  response: IncomingResponse,
  request: OutgoingRequest,
  session: SessionVariables | null,
): string => {
  if (transform?.body === undefined) return response.text;
  try {
    const text = transformedBody(transform.body, {
      variables: {
        $body: bodyOf(response.text),
        $session_variables: session,
        $request: requestContext(request, session),
        $response: { status: response.status },
      },
      functions: sessionFunctions(session),
    });
    if (transform.body.action === "transform") return text;
    return transform.body.action === "remove" ? "null" : JSON.stringify(text);
  } catch (error) {
    throw failedTransform("Response", error);
  }
};
