/** Changes to a request before it is sent; a template that is absent leaves its part as it is. */
export interface RequestTransform {
  readonly version: 1 | 2;
  readonly method?: string;
  readonly url?: string;
  /** Templates by name, or one template for the whole query string. */
  readonly queryParams?: string | Readonly<Record<string, string>>;
  readonly addHeaders: Readonly<Record<string, string>>;
  readonly removeHeaders: readonly string[];
  readonly body?: BodyTransform;
}

export type BodyTransform =
  | { readonly action: "remove" }
  | { readonly action: "transform"; readonly template: string }
  | { readonly action: "x_www_form_urlencoded"; readonly formTemplate: Readonly<Record<string, string>> };

export interface ResponseTransform {
  readonly version: 1 | 2;
  readonly body?: BodyTransform;
}

export type SessionVariables = Readonly<Record<string, string>>;
