import { AppError, type Logger, requestIdOf } from "../../core/index.ts";
import type { HeaderInput, HeaderMap } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";

/** Whatever was thrown, as an error that a client may see; what it was is logged, with the id of the request. */
export const toHasuraError = (
  error: unknown,
  logger: Logger,
  headers?: HeaderMap | HeaderInput,
): HasuraError => {
  if (error instanceof HasuraError) return error;
  const about = headers === undefined ? {} : { requestId: requestIdOf(headers) };
  if (error instanceof AppError && error.kind !== "internal") {
    if (error.kind === "unavailable") logger.warn({ error, ...about }, "the database could not be reached");
    return new HasuraError({
      message: error.message,
      code: error.code,
      cause: error,
      ...(Object.keys(error.extensions).length === 0
        ? {}
        : { extensions: { path: "$", code: error.code, ...error.extensions } }),
    });
  }
  logger.error({ error, ...about }, "a request failed unexpectedly");
  return new HasuraError({ message: "internal error", code: "unexpected", status: 500, cause: error });
};

/** Whether who asks gets to see SQL, statement and webhook of an error. */
export type ShowsInternal = (isAdmin: boolean) => boolean;

/** Hasura's two settings for it: everybody in dev mode, else the administrator unless that is switched off. */
export const showsInternalErrors =
  (settings: {
    readonly devMode?: boolean | undefined;
    readonly adminInternalErrors?: boolean | undefined;
  }): ShowsInternal =>
  (isAdmin) =>
    settings.devMode === true || (isAdmin && settings.adminInternalErrors !== false);

export const errorsJson = (error: HasuraError, showInternal: boolean): string =>
  JSON.stringify([error.toGraphQL(showInternal)]);

export const errorAnswer = (error: HasuraError, showInternal: boolean): string =>
  `{"errors":${errorsJson(error, showInternal)}}`;
