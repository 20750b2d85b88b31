import { GraphQLClient } from "graphql-request";
import { getSdk, type Sdk } from "./generated/sdk.ts";
import { authorization, type Token } from "./token.ts";

export interface ClientOptions {
  /** The GraphQL endpoint, `http://127.0.0.1:8080/v1/graphql`. */
  readonly url: string;
  /** Absent: what the unauthorized role may see. */
  readonly token?: Token;
  readonly role?: string;
}

export type UsageClient = Omit<Sdk, `Watch${string}`>;

/** A client with one method a document; a GraphQL error is thrown as graphql-request's ClientError. */
export function createClient({ url, token, role }: ClientOptions): UsageClient {
  const client = new GraphQLClient(url, {
    requestMiddleware: async (request) => ({
      ...request,
      headers: { ...toRecord(request.headers), ...(await authorization(token, role)) },
    }),
  });
  return getSdk(client);
}

const toRecord = (headers: ConstructorParameters<typeof Headers>[0]): Record<string, string> =>
  Object.fromEntries(new Headers(headers));
