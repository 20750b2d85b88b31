import { parseJson } from "../json/index.ts";
import { z } from "zod";

export const graphqlTransportWs = "graphql-transport-ws";

const subscribePayload = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
});

const clientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("connection_init"), payload: z.record(z.string(), z.unknown()).nullish() }),
  z.object({ type: z.literal("ping"), payload: z.unknown().optional() }),
  z.object({ type: z.literal("pong"), payload: z.unknown().optional() }),
  z.object({ type: z.literal("subscribe"), id: z.string().min(1), payload: subscribePayload }),
  z.object({ type: z.literal("complete"), id: z.string().min(1) }),
]);

export type ClientMessage = z.infer<typeof clientMessage>;

export interface SocketRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
}

/** Undefined when the text is no message of the protocol. */
export const readClientMessage = (text: string): ClientMessage | undefined => {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  const parsed = clientMessage.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/** The messages to a client as text; payloads that are JSON already are pasted, not parsed. */
export const serverMessages = {
  ack: (): string => '{"type":"connection_ack"}',
  ping: (): string => '{"type":"ping","payload":{"message":"keepalive"}}',
  pong: (): string => '{"type":"pong"}',
  next: (id: string, payload: string): string =>
    `{"type":"next","id":${JSON.stringify(id)},"payload":${payload}}`,
  error: (id: string, errors: string): string =>
    `{"type":"error","id":${JSON.stringify(id)},"payload":${errors}}`,
  complete: (id: string): string => `{"type":"complete","id":${JSON.stringify(id)}}`,
};
