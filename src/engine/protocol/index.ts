/** Owns what goes over the wire for GraphQL, without sockets: the HTTP body and the two WebSocket protocols. */
export {
  openConnection,
  step,
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
} from "./connection.ts";
export { legacyStep } from "./legacy-connection.ts";
export { legacyGraphqlWs } from "./legacy-messages.ts";
export { readHttpBody, type GraphQLRequest, type HttpBody } from "./http-body.ts";
export { graphqlTransportWs, type SocketRequest } from "./messages.ts";
