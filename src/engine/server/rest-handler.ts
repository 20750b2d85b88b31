import type { Request, Response } from "express";
import type { DocumentNode } from "graphql";

import type { Logger } from "../../core/index.ts";
import { readHeaders, type Authenticator, type HeaderInput } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { matchEndpoint, readRestBody, readVariables } from "../rest/index.ts";
import { type ShowsInternal, toHasuraError } from "./answers.ts";
import { inRequestSpan, nameOperation } from "./request-span.ts";
import type { RequestRunner } from "./run-request.ts";
import type { EngineState } from "./state.ts";

export interface RestDeps {
  readonly authenticator: Authenticator;
  readonly runner: RequestRunner;
  readonly parse: (query: string) => DocumentNode;
  readonly state: () => EngineState;
  readonly logger: Logger;
  readonly showsInternal: ShowsInternal;
}

const prefix = "/api/rest/";

/** Answers with `data` alone; an error has the form of the metadata API and says by its status what it is. */
export const restHandler =
  (deps: RestDeps) =>
  async (request: Request, response: Response): Promise<void> => {
    const send = (status: number, text: string): void => {
      response.status(status).type("application/json").send(text);
    };
    const headers: HeaderInput = request.headers;
    let admin = false;
    let status = 401;
    try {
      const session = await deps.authenticator.resolveSession(headers);
      admin = session.isAdmin;
      status = 400;
      const [path = "", query = ""] = request.originalUrl.split("?");
      const match = matchEndpoint(
        deps.state().metadata.restEndpoints,
        request.method,
        path.slice(prefix.length),
      );
      if (match.kind !== "found") {
        throw match.kind === "none"
          ? new HasuraError({ message: "Endpoint not found", code: "not-found", status: 404 })
          : new HasuraError({ message: "Method not allowed", code: "method-not-allowed", status: 405 });
      }
      const body = typeof request.body === "string" && request.method !== "GET" ? request.body : "";
      const variables = readVariables(deps.parse(match.endpoint.query), {
        path: match.path,
        query: new URLSearchParams(query),
        body: readRestBody(request.get("content-type") ?? "", body),
      });
      const asked = { query: match.endpoint.query, variables, operationName: undefined };
      const { data, setCookies } = await inRequestSpan(readHeaders(headers), (span) => {
        const prepared = deps.runner.prepare(asked, session, readHeaders(headers));
        nameOperation(span, prepared);
        return prepared.run();
      });
      for (const cookie of setCookies) response.append("set-cookie", cookie);
      send(200, data);
    } catch (error) {
      const shown = toHasuraError(error, deps.logger, headers);
      send(shown.status ?? status, JSON.stringify(shown.toApi(deps.showsInternal(admin))));
    }
  };
