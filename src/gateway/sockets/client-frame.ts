import { readMembers, textMember } from "../requests/json-members.ts";
import type { Dialect } from "./dialect.ts";

/** A frame of a client, as far as somebody in the middle has to understand it. */
export type ClientFrame =
  | { readonly kind: "init"; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly kind: "start";
      readonly id: string;
      readonly query: string;
      readonly operationName: string | undefined;
    }
  | { readonly kind: "stop"; readonly id: string }
  | { readonly kind: "ping" }
  | { readonly kind: "terminate" }
  /** Of the protocol, and nothing to do for it. */
  | { readonly kind: "idle" }
  | { readonly kind: "malformed" };

const malformed: ClientFrame = { kind: "malformed" };

const headersOf = (payload: unknown): Readonly<Record<string, string>> => {
  if (typeof payload !== "object" || payload === null || !("headers" in payload)) return {};
  const { headers } = payload;
  if (typeof headers !== "object" || headers === null) return {};
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    // A name that stands there twice in two cases counts once, as over HTTP.
    if (typeof value === "string" && !Object.hasOwn(kept, key)) kept[key] = value;
  }
  return kept;
};

/** Reads what decides; variables are not parsed, so that a number in them passes as it was written. */
export const readClientFrame = (text: string, dialect: Dialect): ClientFrame => {
  const members = readMembers(text);
  if (members === undefined || members === "twice") return malformed;
  const type = textMember(text, members.get("type"));
  const id = textMember(text, members.get("id"));
  const payload = members.get("payload");
  switch (type) {
    case "connection_init": {
      try {
        const value: unknown = payload === undefined ? {} : JSON.parse(text.slice(payload.from, payload.to));
        return { kind: "init", headers: headersOf(value) };
      } catch {
        return malformed;
      }
    }
    case dialect.start: {
      if (id === undefined || id === "" || payload === undefined) return malformed;
      const inner = readMembers(text, payload.from);
      if (inner === undefined || inner === "twice") return malformed;
      const query = textMember(text, inner.get("query"));
      if (query === undefined) return malformed;
      return { kind: "start", id, query, operationName: textMember(text, inner.get("operationName")) };
    }
    case dialect.stop:
      return id === undefined ? malformed : { kind: "stop", id };
    case "ping":
      return { kind: "ping" };
    case "pong":
      return { kind: "idle" };
    case "connection_terminate":
      return dialect.start === "start" ? { kind: "terminate" } : malformed;
    default:
      return malformed;
  }
};
