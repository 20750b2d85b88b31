import { parseJson, type Raw, rawToJson } from "../json/index.ts";
import type { KritiScope } from "../kriti/index.ts";
import { failedTransform, runTemplate, runTextTemplate, sessionFunctions } from "./templates.ts";
import type { RequestTransform, SessionVariables } from "./types.ts";

/** A request on its way to a webhook. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
}

/** What templates see of the request, also as `$request` in a response's template. */
export const requestContext = (
  request: OutgoingRequest,
  session: SessionVariables | null,
): Readonly<Record<string, Raw>> => ({
  body: request.body === "" ? null : parseJson(request.body),
  session_variables: session,
  base_url: request.url,
  query_params: [...new URL(request.url).searchParams].map(([name, value]) => [name, value]),
});

const scopeOf = (context: Readonly<Record<string, Raw>>, session: SessionVariables | null): KritiScope => ({
  variables: Object.fromEntries(Object.entries(context).map(([name, value]) => [`$${name}`, value])),
  functions: sessionFunctions(session),
});

/** A template that comes to null leaves its parameter out. */
const pairs = (
  templates: Readonly<Record<string, string>>,
  scope: KritiScope,
): readonly (readonly [string, string])[] =>
  Object.entries(templates)
    .map(([name, template]) => [runTextTemplate(name, scope), runTextTemplate(template, scope)] as const)
    .filter(([name, value]) => name !== "null" && value !== "null");

const component = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const urlEncoded = (entries: readonly (readonly [string, string])[]): string =>
  entries.map(([name, value]) => `${component(name)}=${component(value)}`).join("&");

export const transformedBody = (body: NonNullable<RequestTransform["body"]>, scope: KritiScope): string => {
  switch (body.action) {
    case "remove":
      return "";
    case "transform":
      return rawToJson(runTemplate(body.template, scope));
    case "x_www_form_urlencoded":
      return urlEncoded(pairs(body.formTemplate, scope));
  }
};

const transformedUrl = (transform: RequestTransform, url: string, scope: KritiScope): string => {
  const base = transform.url === undefined ? url : runTextTemplate(transform.url, scope);
  if (transform.queryParams === undefined) return base;
  const result = new URL(base);
  result.search =
    typeof transform.queryParams === "string"
      ? runTextTemplate(transform.queryParams, scope)
      : urlEncoded(pairs(transform.queryParams, scope));
  return result.toString();
};

const transformedHeaders = (
  transform: RequestTransform,
  headers: Readonly<Record<string, string>>,
  scope: KritiScope,
): Record<string, string> => {
  const removed = new Set(transform.removeHeaders.map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !removed.has(name));
  const added = Object.entries(transform.addHeaders).map(
    ([name, template]) => [name.toLowerCase(), runTextTemplate(template, scope)] as const,
  );
  return Object.fromEntries([...kept, ...added]);
};

/** The request as the transform makes it; every template sees the request as it was. */
export const applyRequestTransform = (
  transform: RequestTransform | undefined,
  request: OutgoingRequest,
  session: SessionVariables | null,
): OutgoingRequest => {
  if (transform === undefined) return request;
  try {
    const scope = scopeOf(requestContext(request, session), session);
    return {
      method: transform.method === undefined ? request.method : runTextTemplate(transform.method, scope),
      url: transformedUrl(transform, request.url, scope),
      headers: transformedHeaders(transform, request.headers, scope),
      body: transform.body === undefined ? request.body : transformedBody(transform.body, scope),
    };
  } catch (error) {
    throw failedTransform("Request", error);
  }
};
