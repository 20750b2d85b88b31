import { type Logger } from "../../core/index.ts";
import { readHeaders, type Authenticator, type HeaderInput, type Session } from "../../auth/index.ts";
import { readHttpBody } from "../protocol/index.ts";
import { errorAnswer, type ShowsInternal, toHasuraError } from "./answers.ts";
import type { RequestAnswer, RequestRunner } from "./run-request.ts";

export interface GraphqlAnswerDeps {
  readonly authenticator: Authenticator;
  readonly runner: RequestRunner;
  readonly logger: Logger;
  readonly showsInternal: ShowsInternal;
}

export interface GraphqlAnswer extends RequestAnswer {
  /** False when nobody could be told apart to answer. */
  readonly authenticated: boolean;
}

/** Answers the body of a POST to /v1/graphql, whatever brought it here; never throws. */
export type AnswerGraphql = (headers: HeaderInput, bodyText: string) => Promise<GraphqlAnswer>;

export const createGraphqlAnswerer =
  (deps: GraphqlAnswerDeps): AnswerGraphql =>
  async (input, bodyText) => {
    let session: Session | undefined;
    try {
      const headers = readHeaders(input);
      session = await deps.authenticator.resolveSession(headers);
      const body = readHttpBody(bodyText);
      if (body.kind === "single") {
        return { ...(await deps.runner.answer(body.request, session, headers)), authenticated: true };
      }
      const answers: RequestAnswer[] = [];
      // One after the other: a later request of a batch may read what an earlier one wrote.
      for (const item of body.requests) answers.push(await deps.runner.answer(item, session, headers));
      return {
        text: `[${answers.map((answer) => answer.text).join(",")}]`,
        setCookies: answers.flatMap((answer) => answer.setCookies),
        error: answers.find((answer) => answer.error !== undefined)?.error,
        authenticated: true,
      };
    } catch (error) {
      const shown = toHasuraError(error, deps.logger, input);
      return {
        text: errorAnswer(shown, deps.showsInternal(session?.isAdmin ?? false)),
        setCookies: [],
        error: shown,
        authenticated: session !== undefined,
      };
    }
  };
