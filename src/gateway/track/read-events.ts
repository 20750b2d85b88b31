import { type IncomingHttpHeaders } from "node:http";
import { type EventShape } from "../../domain/analytics/index.ts";
import { type Refused } from "../stage.ts";
import { refuse } from "../requests/refusal.ts";

export type ReadEvents =
  { readonly events: readonly unknown[]; readonly shape: EventShape } | { readonly refused: Refused };

const unreadable = (message: string): ReadEvents => ({ refused: refuse(400, "bad-request", message) });

const unsupported: ReadEvents = {
  refused: refuse(
    415,
    "unsupported-media-type",
    "send application/json, application/cloudevents+json, application/cloudevents-batch+json, or ce- headers",
  ),
};

const decode = (body: Buffer): string | null => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
};

const parse = (text: string): { readonly value: unknown } | null => {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
};

interface MediaType {
  readonly name: string;
  /** Null where none is said; only UTF-8 can be read. */
  readonly charset: string | null;
}

const mediaTypeOf = (header: string | undefined): MediaType => {
  const [name = "", ...parameters] = (header ?? "").toLowerCase().split(";");
  const charset = parameters
    .map((part) => /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/u.exec(part)?.[1])
    .find(Boolean);
  return { name: name.trim(), charset: charset ?? null };
};

const isJson = (name: string): boolean =>
  name === "application/json" || name.endsWith("+json") || name === "text/json";

/** Attributes in headers are percent-encoded UTF-8 (CloudEvents, HTTP binding 3.1.3.2); a stray percent sign stays one. */
const decodeAttribute = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
};

const prefix = "ce-";

/** Binary mode: the attributes are headers, the body is the data. */
const readBinary = (headers: IncomingHttpHeaders, body: Buffer, type: MediaType): ReadEvents => {
  const attributes = Object.entries(headers).flatMap(([name, value]): [string, unknown][] =>
    name.startsWith(prefix) && typeof value === "string"
      ? [[name.slice(prefix.length), decodeAttribute(value)]]
      : [],
  );
  const contentType = headers["content-type"];
  if (contentType !== undefined) attributes.push(["datacontenttype", contentType]);
  if (body.length > 0) {
    const text = isJson(type.name) || type.name.startsWith("text/") ? decode(body) : null;
    if (isJson(type.name)) {
      const parsed = text === null ? null : parse(text);
      if (parsed === null) return unreadable("the body is not the JSON that its content type says");
      attributes.push(["data", parsed.value]);
    } else if (text !== null) attributes.push(["data", text]);
    else attributes.push(["data_base64", body.toString("base64")]);
  }
  return { events: [Object.fromEntries(attributes)], shape: "cloudevents" };
};

/** The events of a request, each still unchecked: the shapes differ by content type, as CloudEvents lays down. */
export const readEvents = (headers: IncomingHttpHeaders, body: Buffer): ReadEvents => {
  const type = mediaTypeOf(headers["content-type"]);
  const isStructured = type.name === "application/cloudevents+json";
  const isBatch = type.name === "application/cloudevents-batch+json";
  if (!isStructured && !isBatch && headers["ce-specversion"] !== undefined)
    return readBinary(headers, body, type);
  if (!isStructured && !isBatch && type.name !== "application/json") return unsupported;
  if (type.charset !== null && type.charset !== "utf-8" && type.charset !== "utf8") return unsupported;
  const text = decode(body);
  if (text === null) return unreadable("the body is not UTF-8");
  const parsed = parse(text);
  if (parsed === null) return unreadable("the body is not JSON");
  const { value } = parsed;
  const shape = isStructured || isBatch ? "cloudevents" : "any";
  if (Array.isArray(value)) {
    if (isStructured)
      return unreadable(
        "application/cloudevents+json is one event; send a batch as application/cloudevents-batch+json",
      );
    return { events: value as readonly unknown[], shape };
  }
  if (isBatch) return unreadable("application/cloudevents-batch+json is a list of events");
  if (typeof value !== "object" || value === null)
    return unreadable("the body is neither an event nor a list of events");
  return { events: [value], shape };
};
