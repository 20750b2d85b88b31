/** Documents of query collections as plain HTTP endpoints: which one a path means, and its variables. */
export { matchEndpoint, type Match } from "./match.ts";
export { readRestBody, readVariables, type RestInput } from "./variables.ts";
