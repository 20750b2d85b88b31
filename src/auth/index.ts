/** Owns the answer to "who asks": admin secret, JSON web tokens and the unauthorized role, with Hasura's order and messages. */
export {
  createAuthenticator,
  type Authenticated,
  type Authenticator,
  type AuthSettings,
} from "./authenticator.ts";
export { readHeaders, type HeaderInput, type HeaderMap } from "./headers.ts";
export { createSession, type Session, type SessionOptions } from "./session.ts";
