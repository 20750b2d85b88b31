/** Owns what goes over the wire for GraphQL, without sockets: the HTTP body and the graphql-transport-ws protocol. */
export {
  openConnection,
  step,
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
} from "./connection.ts";
export { readHttpBody, type GraphQLRequest, type HttpBody } from "./http-body.ts";
export { graphqlTransportWs, type SocketRequest } from "./messages.ts";
