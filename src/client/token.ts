/** A signed token, or where to get a fresh one: it is asked for at each request and each connection. */
export type Token = string | (() => string | Promise<string>);

/** The headers that name the caller; `role` chooses among the roles that the token allows. */
export async function authorization(
  token: Token | undefined,
  role: string | undefined,
): Promise<Record<string, string>> {
  const bearer = typeof token === "function" ? await token() : token;
  return {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(role === undefined ? {} : { "x-hasura-role": role }),
  };
}
