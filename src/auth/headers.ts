/** Header names in lower case; a name sent twice counts with its first value. */
export type HeaderMap = ReadonlyMap<string, string>;

export type HeaderInput = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers that were read already are taken as they are. */
export const readHeaders = (input: HeaderInput | HeaderMap): HeaderMap => {
  if (input instanceof Map) return input as HeaderMap;
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(input)) {
    const first = typeof value === "string" ? value : value?.[0];
    const key = name.toLowerCase();
    if (first !== undefined && !headers.has(key)) headers.set(key, first);
  }
  return headers;
};

const secretHeaders = new Set(["x-hasura-admin-secret", "x-hasura-access-key"]);
const instructionHeaders = new Set(["x-hasura-role", "x-hasura-use-backend-only-permissions"]);

/** What a caller with the admin secret may say about the session it acts for. */
export const sessionVariablesOf = (headers: HeaderMap): Record<string, string> => {
  const variables: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name.startsWith("x-hasura-") && !secretHeaders.has(name) && !instructionHeaders.has(name))
      variables[name] = value;
  }
  return variables;
};

export const adminSecretOf = (headers: HeaderMap): string | undefined =>
  headers.get("x-hasura-admin-secret") ?? headers.get("x-hasura-access-key");
