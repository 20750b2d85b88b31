import type { QualifiedName } from "../metadata/types.ts";

const graphqlNamePattern = /^[_A-Za-z][_0-9A-Za-z]*$/u;

export const isGraphqlName = (name: string): boolean => graphqlNamePattern.test(name);

/** As Hasura quotes a table in descriptions. */
export const displayName = (name: QualifiedName): string =>
  name.schema === "public" ? name.name : `${name.schema}.${name.name}`;
