/** The codes a Hasura answer carries in `extensions.code`; webhooks may send others, so any string is accepted. */
export type HasuraErrorCode =
  | "validation-failed"
  | "permission-error"
  | "constraint-violation"
  | "data-exception"
  | "not-found"
  | "access-denied"
  | "parse-failed"
  | "not-supported"
  | "unexpected"
  | "invalid-json"
  | "invalid-jwt"
  | "unexpected-payload"
  | "bad-request"
  | (string & {});

export interface HasuraErrorOptions {
  readonly message: string;
  readonly code: HasuraErrorCode;
  /** JSONPath over the request, `$` when the error belongs to no single place; null leaves it out of the answer. */
  readonly path?: string | null;
  /** SQL, statement and webhook details; only an administrator may see it. */
  readonly internal?: unknown;
  /** Replaces `{path, code}` altogether, as the extensions of an action's webhook do. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** HTTP status outside of GraphQL, where Hasura's is not 400. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** The one error an answer is made of. */
export class HasuraError extends Error {
  readonly code: HasuraErrorCode;
  readonly path: string | null;
  readonly internal: unknown;
  readonly replacedExtensions: Readonly<Record<string, unknown>> | undefined;
  readonly status: number | undefined;

  constructor(options: HasuraErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HasuraError";
    this.code = options.code;
    this.path = options.path === undefined ? "$" : options.path;
    this.internal = options.internal;
    this.replacedExtensions = options.extensions;
    this.status = options.status;
  }

  /** The member of `errors` in a GraphQL answer. */
  toGraphQL(showInternal = false): { message: string; extensions: Record<string, unknown> } {
    const extensions: Record<string, unknown> = this.replacedExtensions
      ? { ...this.replacedExtensions }
      : { ...(this.path === null ? {} : { path: this.path }), code: this.code };
    if (showInternal && this.internal !== undefined) extensions["internal"] = this.internal;
    return { message: this.message, extensions };
  }

  /** The body of a `/v1/metadata` or `/v2/query` failure. */
  toApi(showInternal = false): Record<string, unknown> {
    return {
      error: this.message,
      path: this.path ?? "$",
      code: this.code,
      ...(showInternal && this.internal !== undefined ? { internal: this.internal } : {}),
    };
  }
}

/** Hasura's most frequent refusal: the request does not fit the schema. */
export const validationFailed = (message: string, path = "$"): HasuraError =>
  new HasuraError({ message, code: "validation-failed", path });
