import type { Caller } from "../caller.ts";

export interface IdentityRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly address: string;
}

export interface Identified {
  readonly caller: Caller;
  /**
   * What of the credentials goes on to the upstream, in place of everything of the kind that the client sent:
   * `authorization`, `cookie`, `x-api-key` and every x-hasura-* header.
   */
  readonly upstreamHeaders: Readonly<Record<string, string>>;
}

/** Finds out who asks. Throws a HasuraError in Hasura's words, or with a status where the refusal is the gateway's own. */
export interface Identity {
  identify(request: IdentityRequest): Promise<Identified>;
  /** Calls back once when the caller's right ends: an expired or revoked key, a membership that is no more. */
  watch(caller: Caller, ended: (reason: string) => void): () => void;
}
