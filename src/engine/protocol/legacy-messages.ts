import { z } from "zod";

/** The subprotocol of subscriptions-transport-ws; Hasura takes a client without any subprotocol for one of these. */
export const legacyGraphqlWs = "graphql-ws";

const id = z.string();
const startPayload = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

const clientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("connection_init"), payload: z.record(z.string(), z.unknown()).nullish() }),
  z.object({ type: z.literal("start"), id, payload: startPayload }),
  z.object({ type: z.literal("stop"), id }),
  z.object({ type: z.literal("connection_terminate") }),
]);

export type LegacyClientMessage = z.infer<typeof clientMessage>;

const types = ["connection_init", "start", "stop", "connection_terminate"];

const reasonOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "Error in $: expected an object for ClientMessage";
  }
  const message = value as Readonly<Record<string, unknown>>;
  if (message["type"] === undefined) return 'Error in $: key "type" not found';
  if (!types.includes(String(message["type"]))) {
    return `Error in $: unexpected type for ClientMessage: ${String(message["type"])}`;
  }
  if (message["type"] !== "connection_init" && message["id"] === undefined)
    return 'Error in $: key "id" not found';
  return 'Error in $.payload: key "query" not found';
};

/** The message, or why the text is none. */
export const readLegacyMessage = (
  text: string,
): { readonly message: LegacyClientMessage } | { readonly reason: string } => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: "parsing ClientMessage failed: Error in $: not a valid json value" };
  }
  const parsed = clientMessage.safeParse(value);
  return parsed.success
    ? { message: parsed.data }
    : { reason: `parsing ClientMessage failed: ${reasonOf(value)}` };
};

/** The messages to a client as text; payloads that are JSON already are pasted, not parsed. */
export const legacyMessages = {
  ack: (): string => '{"type":"connection_ack"}',
  keepAlive: (): string => '{"type":"ka"}',
  connectionError: (reason: string): string =>
    `{"type":"connection_error","payload":${JSON.stringify(reason)}}`,
  data: (id: string, payload: string): string =>
    `{"type":"data","id":${JSON.stringify(id)},"payload":${payload}}`,
  error: (id: string, errors: string): string =>
    `{"type":"error","id":${JSON.stringify(id)},"payload":{"errors":${errors}}}`,
  complete: (id: string): string => `{"type":"complete","id":${JSON.stringify(id)}}`,
};
