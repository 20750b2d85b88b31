import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from "express";

import type { Database, Logger } from "../../core/index.ts";
import { type Authenticator, type HeaderInput, type Session } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { parseJson } from "../json/index.ts";
import type { MetadataApi } from "../metadata-api/index.ts";
import { errorAnswer, type ShowsInternal, toHasuraError } from "./answers.ts";
import type { AnswerGraphql } from "./graphql-answer.ts";

export const bodyLimitBytes = 10 * 1024 * 1024;
/** The server whose surface this is. */
const serverVersion = "v2.48.10-ce";

export interface HttpDeps {
  readonly authenticator: Authenticator;
  readonly answer: AnswerGraphql;
  readonly metadataApi: MetadataApi;
  /** Takes a request apart for the administrator, without running it. */
  readonly explain: MetadataApi;
  readonly rest: RequestHandler;
  readonly database: Database;
  readonly logger: Logger;
  readonly showsInternal: ShowsInternal;
}

const bodyText = (request: Request): string => (typeof request.body === "string" ? request.body : "");
const headersOf = (request: Request): HeaderInput => request.headers;

const sendJson = (response: Response, status: number, text: string): void => {
  response.status(status).type("application/json").send(text);
};

const tooLarge = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "type" in error && error.type === "entity.too.large";

/** The older route says by its status what went wrong; `/v1/graphql` always answers 200. */
const graphqlHandler =
  (answer: AnswerGraphql, failureStatus: (error: HasuraError) => number = () => 200) =>
  async (request: Request, response: Response): Promise<void> => {
    const { text, setCookies, error, authenticated } = await answer(headersOf(request), bodyText(request));
    for (const cookie of setCookies) response.append("set-cookie", cookie);
    const status = error === undefined ? 200 : failureStatus(error);
    sendJson(response, status === 200 || authenticated ? status : 401, text);
  };

const statusOf = (error: HasuraError): number => error.status ?? 400;

const apiHandler =
  (deps: HttpDeps, api: HttpDeps["metadataApi"]) =>
  async (request: Request, response: Response): Promise<void> => {
    let session: Session;
    try {
      session = await deps.authenticator.resolveSession(headersOf(request));
    } catch (error) {
      sendJson(response, 401, JSON.stringify(toHasuraError(error, deps.logger, headersOf(request)).toApi()));
      return;
    }
    try {
      if (!session.isAdmin) {
        throw new HasuraError({ message: "restricted access : admin only", code: "access-denied" });
      }
      let body: unknown;
      try {
        body = parseJson(bodyText(request));
      } catch (error) {
        throw new HasuraError({ message: "invalid json", code: "invalid-json", cause: error });
      }
      sendJson(response, 200, JSON.stringify(await api(body, session.variables)));
    } catch (error) {
      const shown = toHasuraError(error, deps.logger, headersOf(request));
      sendJson(response, statusOf(shown), JSON.stringify(shown.toApi(deps.showsInternal(true))));
    }
  };

/** Hasura's HTTP surface as an Express application that may be mounted or listen on its own. */
export const createHttpApp = (deps: HttpDeps): Express => {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  const text = express.text({ type: () => true, limit: bodyLimitBytes });

  app.post("/v1/graphql", text, graphqlHandler(deps.answer));
  app.post("/v1alpha1/graphql", text, graphqlHandler(deps.answer, statusOf));
  app.all("/v1beta1/relay", (_, response) => {
    const refused = new HasuraError({
      message: "Relay is not supported by this engine",
      code: "not-supported",
    });
    sendJson(response, 200, errorAnswer(refused, false));
  });
  for (const path of ["/v1/metadata", "/v1/query", "/v2/query"]) {
    app.post(path, text, apiHandler(deps, deps.metadataApi));
  }
  app.post("/v1/graphql/explain", text, apiHandler(deps, deps.explain));
  app.all("/api/rest/*path", text, deps.rest);
  app.get("/v1/version", (_, response) => {
    response.json({ version: serverVersion, server_type: "ce" });
  });
  app.get("/healthz", async (_, response) => {
    try {
      await deps.database.query("select 1");
      response.type("text/plain").send("OK");
    } catch {
      response.status(500).type("text/plain").send("ERROR");
    }
  });
  app.use((_, response) => {
    const missing = new HasuraError({ message: "resource does not exist", code: "not-found" });
    sendJson(response, 404, JSON.stringify(missing.toApi()));
  });
  const failed: ErrorRequestHandler = (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const shown = tooLarge(error)
      ? new HasuraError({ message: "the request body is too large", code: "bad-request" })
      : new HasuraError({ message: "the request body could not be read", code: "bad-request" });
    sendJson(response, tooLarge(error) ? 413 : 400, errorAnswer(shown, false));
  };
  app.use(failed);
  return app;
};
