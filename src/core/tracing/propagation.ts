import { type Context, context, propagation, type TextMapGetter } from "@opentelemetry/api";

type Headers = ReadonlyMap<string, string> | Readonly<Record<string, unknown>>;

const isMap = (headers: Headers): headers is ReadonlyMap<string, string> => headers instanceof Map;

const getter: TextMapGetter<Headers> = {
  keys: (headers) => (isMap(headers) ? [...headers.keys()] : Object.keys(headers)),
  get: (headers, name) => {
    const value = isMap(headers) ? headers.get(name) : headers[name];
    return typeof value === "string" ? value : undefined;
  },
};

/** What the sender of these headers is doing, names in lower case; what is under way here where they do not say. */
export const remoteContext = (headers: Headers): Context =>
  propagation.extract(context.active(), headers, getter);

/** The headers with what is under way here, for whoever gets them to go on from. */
export const injectTrace = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return Object.keys(carrier).length === 0 ? headers : { ...headers, ...carrier };
};
