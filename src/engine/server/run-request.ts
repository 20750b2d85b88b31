import { type DocumentNode, Kind } from "graphql";

import { type Database, errorTypeOf, inChildSpan, type Logger } from "../../core/index.ts";
import type { AsyncActions, CallAction, CallInputValidation } from "../actions/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import { HasuraError, validationFailed } from "../errors.ts";
import { executeOperation, type LivePlan, livePlanOf } from "../execute/index.ts";
import { rawToJson } from "../json/index.ts";
import { planOperation, type PlannedOperation } from "../plan/index.ts";
import type { GraphQLRequest } from "../protocol/index.ts";
import { errorAnswer, type ShowsInternal, toHasuraError } from "./answers.ts";
import { inRequestSpan, nameOperation } from "./request-span.ts";
import { createActionRunner } from "./run-action.ts";
import type { EngineState } from "./state.ts";

export interface RequestAnswer {
  /** `{"data":…}` or `{"errors":…}`. */
  readonly text: string;
  /** Only a mutation's actions may set cookies. */
  readonly setCookies: readonly string[];
  /** What went wrong, when the text is `{"errors":…}`. */
  readonly error?: HasuraError | undefined;
}

export interface PreparedRequest {
  readonly operation: PlannedOperation["operation"];
  /** As the document has it. */
  readonly name: string | undefined;
  /** The role, where metadata names it; with the admin secret any word may be given. */
  readonly knownRole: string | undefined;
  /** A subscription as a statement that others may share; undefined when it is more than reads. */
  live(): LivePlan | undefined;
  /** JSON text of `data`; throws what went wrong. */
  run(): Promise<{ readonly data: string; readonly setCookies: readonly string[] }>;
}

export interface RequestRunner {
  /** Plans against the present state. */
  prepare(request: GraphQLRequest, session: Session, headers: HeaderMap): PreparedRequest;
  /** Queries and mutations, as over HTTP; never throws. */
  answer(request: GraphQLRequest, session: Session, headers: HeaderMap): Promise<RequestAnswer>;
}

export interface RequestRunnerDeps {
  readonly database: Database;
  readonly logger: Logger;
  readonly callAction: CallAction;
  readonly callInputValidation: CallInputValidation;
  readonly asyncActions: AsyncActions;
  readonly stringifyNumericTypes: boolean;
  readonly parse: (query: string) => DocumentNode;
  readonly state: () => EngineState;
  /** Whether roles other than admin may send only what the allow list holds. */
  readonly allowListEnabled: boolean;
  readonly showsInternal: ShowsInternal;
  /** Called after a mutation has been committed. */
  readonly written: () => void;
}

/** The name asked for is the document's, else there was no plan; without one there is one operation only. */
const operationNameOf = (document: DocumentNode, asked: string | undefined): string | undefined =>
  asked ??
  document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)?.name?.value;

export const createRequestRunner = (deps: RequestRunnerDeps): RequestRunner => {
  const prepare: RequestRunner["prepare"] = (request, session, headers) =>
    inChildSpan("graphql plan", {}, () => plan(request, session, headers));

  const plan: RequestRunner["prepare"] = (request, session, headers) => {
    const state = deps.state();
    const document = deps.parse(request.query);
    if (deps.allowListEnabled && !state.isAllowed(session.role, document)) {
      throw validationFailed("query is not allowed");
    }
    const roleSchema = state.schemaFor(session.role, session.backendOnly);
    const planned = planOperation({
      roleSchema,
      document,
      ...(request.operationName === undefined ? {} : { operationName: request.operationName }),
      variables: request.variables,
      stringifyNumericTypes: deps.stringifyNumericTypes,
    });
    return {
      operation: planned.operation,
      name: operationNameOf(document, request.operationName),
      knownRole: state.isKnownRole(session.role) ? session.role : undefined,
      live: () => livePlanOf(planned, session),
      run: () => inChildSpan("graphql execute", {}, execute),
    };

    async function execute(): ReturnType<PreparedRequest["run"]> {
      const setCookies: string[] = [];
      const data = await executeOperation({
        planned,
        session,
        db: deps.database,
        validateInput: ({ validation, input }, variables) =>
          deps.callInputValidation({
            validation,
            inputJson: rawToJson(input(variables)),
            session,
            clientHeaders: headers,
          }),
        runAction: createActionRunner(deps, {
          roleSchema,
          planned,
          session,
          headers,
          query: request.query,
          setCookies,
        }),
      });
      if (planned.operation === "mutation") deps.written();
      return { data, setCookies };
    }
  };

  return {
    prepare,
    answer: (request, session, headers) =>
      inRequestSpan(headers, async (span) => {
        try {
          const prepared = prepare(request, session, headers);
          nameOperation(span, prepared);
          if (prepared.operation === "subscription") {
            throw new HasuraError({
              message: "subscriptions are not supported over HTTP, use websockets instead",
              code: "unexpected-payload",
            });
          }
          const { data, setCookies } = await prepared.run();
          return { text: `{"data":${data}}`, setCookies };
        } catch (error) {
          const shown = toHasuraError(error, deps.logger, headers);
          span.setAttribute("error.type", errorTypeOf(shown));
          return {
            text: errorAnswer(shown, deps.showsInternal(session.isAdmin)),
            setCookies: [],
            error: shown,
          };
        }
      }),
  };
};
