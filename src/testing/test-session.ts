import type { Engine } from "../engine/index.ts";
import { createSession } from "../engine/index.ts";

export interface GraphQLError {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly path: string } & Readonly<Record<string, unknown>>;
}

/** What a client of Hasura receives. */
export interface GraphQLAnswer<Data> {
  readonly data?: Data;
  readonly errors?: readonly GraphQLError[];
}

export type Variables = Readonly<Record<string, unknown>>;

export interface SessionSettings {
  /** As a backend with the admin secret and `x-hasura-use-backend-only-permissions`. */
  readonly backendOnly?: boolean;
  /** Headers of the client, for actions that forward them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One role with its session variables. */
export interface TestSession {
  /** The whole answer, errors included; refusals are answers, so this never throws for them. */
  query<Data = Readonly<Record<string, unknown>>>(
    document: string,
    variables?: Variables,
    operationName?: string,
  ): Promise<GraphQLAnswer<Data>>;
  /** The data alone; an error in the answer is thrown with its code and path. */
  data<Data = Readonly<Record<string, unknown>>>(document: string, variables?: Variables): Promise<Data>;
}

/** Thrown by `data`. */
export class UnexpectedErrorsError extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    const lines = errors.map(({ message, extensions: { code, path } }) => `${message} (${code} at ${path})`);
    super(`the answer holds errors: ${lines.join("; ")}`);
    this.name = "UnexpectedErrorsError";
    this.errors = errors;
  }
}

/** Hasura takes session variables as text, and their names in any case. */
const sessionVariables = (given: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), String(value)]));

export const createTestSession = (
  engine: Engine,
  role: string,
  variables: Readonly<Record<string, string | number>>,
  settings: SessionSettings,
): TestSession => {
  const session = createSession(
    role,
    sessionVariables(variables),
    settings.backendOnly === undefined ? {} : { backendOnly: settings.backendOnly },
  );
  const query = async <Data>(
    document: string,
    given: Variables = {},
    operationName?: string,
  ): Promise<GraphQLAnswer<Data>> => {
    const request = {
      query: document,
      variables: given,
      ...(operationName === undefined ? {} : { operationName }),
    };
    return JSON.parse(await engine.execute(request, session, settings.headers)) as GraphQLAnswer<Data>;
  };
  return {
    query,
    data: async <Data>(document: string, given: Variables = {}): Promise<Data> => {
      const { data, errors } = await query<Data>(document, given);
      if (errors !== undefined || data === undefined) throw new UnexpectedErrorsError(errors ?? []);
      return data;
    },
  };
};
