/** The door in front of Hasura. Owns what a client may reach; not the schema, not the counting. */
export { createGateway, type Gateway, type GatewayDeps } from "./app.ts";
