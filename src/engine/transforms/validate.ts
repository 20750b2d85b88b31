import { HasuraError } from "../errors.ts";
import { KritiError } from "../kriti/index.ts";
import { compileTemplate, quoted } from "./templates.ts";
import type { BodyTransform, RequestTransform, ResponseTransform } from "./types.ts";

const values = (templates: Readonly<Record<string, string>>): readonly string[] =>
  Object.values(templates).map(quoted);

const ofBody = (body: BodyTransform | undefined): readonly string[] => {
  if (body?.action === "transform") return [body.template];
  return body?.action === "x_www_form_urlencoded" ? values(body.formTemplate) : [];
};

const ofRequest = ({ method, url, queryParams, addHeaders, body }: RequestTransform): readonly string[] => [
  ...(method === undefined ? [] : [quoted(method)]),
  ...(url === undefined ? [] : [quoted(url)]),
  ...(typeof queryParams === "string" ? [quoted(queryParams)] : values(queryParams ?? {})),
  ...values(addHeaders),
  ...ofBody(body),
];

const check = (what: "request" | "response", templates: readonly string[]): void => {
  const errors = templates.flatMap((template) => {
    try {
      compileTemplate(template);
      return [];
    } catch (error) {
      if (error instanceof KritiError) return [error.toJson()];
      throw error;
    }
  });
  if (errors.length === 0) return;
  throw new HasuraError({
    message: `${what} transform validation failed: ${String(errors[0]?.["message"])}`,
    code: "parse-failed",
    internal: errors,
  });
};

/** Refuses templates that cannot be read, before any request needs them. */
export const checkTransforms = (owner: {
  readonly requestTransform?: RequestTransform;
  readonly responseTransform?: ResponseTransform;
}): void => {
  if (owner.requestTransform !== undefined) check("request", ofRequest(owner.requestTransform));
  if (owner.responseTransform !== undefined) check("response", ofBody(owner.responseTransform.body));
};
